"""What a network sees of an observation: numbers put on one scale, pictures through a convolution; shared by all
learners.

Numbers come by the bounds of their space, standardised, or whitened: turned so that no two go together, and each put on
one scale (Kessy et al., 2018). Whitening is for readings whose small differences matter, such as the poses of two
moments, which hide a velocity. `upright` and `turning` whiten too, but what `learning/poses.py` tells of poses.
Pictures are shown as what differs from what is mostly there. All take their measure once, from what was seen before
learning began, and it is a part of the policy.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from gymnasium import spaces
from torch import nn
from torch.nn import functional

from control_bench.errors import BadInput
from control_bench.learning.poses import turning, upright
from control_bench.settings import require

FLOOR = 1e-4
"""Of a direction's variance, as a share of the largest: what varies less is not blown up to the full scale."""
ROUNDING = 1e-7
MIDDLE = 127.5
"""Of bytes."""
WINDOWS = ((8, 4), (4, 2), (3, 1))
"""The convolutions' windows and steps, pixels (Mnih et al., 2015)."""
OF_POSES = {"upright": (upright, "(..., 7)"), "turning": (turning, "(moments, bodies, 7)")}
"""By `preprocess`: what is told of poses, and of which shape they should be."""


@dataclass(frozen=True)
class EncoderSettings:
    """Attributes: preprocess, of numbers: by bounds, standardise, whiten, or for poses upright, or turning, which tells
    of spins too. filters: of each convolution on pictures, one to three."""

    preprocess: Literal["bounds", "standardise", "whiten", "upright", "turning"] = "bounds"
    filters: tuple[int, ...] = (16, 32)

    def __post_init__(self) -> None:
        require(all(count > 0 for count in self.filters), "filters should be counts above 0")
        require(1 <= len(self.filters) <= len(WINDOWS), f"filters should be 1 to {len(WINDOWS)}")


class Numbers(nn.Module):
    """Any Box of numbers as features (batch, width) of about -1..1."""

    def __init__(self, space: spaces.Box, preprocess: str) -> None:
        super().__init__()
        self._whitens = preprocess == "whiten" or preprocess in OF_POSES
        self._flat, told = OF_POSES.get(preprocess, (nn.Flatten(), None))
        if told and (space.shape[-1:] != (7,) or preprocess == "turning" and len(space.shape) != 3):
            raise BadInput(f"preprocess: {preprocess} is for poses {told}, not {space.shape}: take whiten")
        self.width = self._flat(torch.zeros(1, *space.shape)).shape[1]
        low, high = np.full((2, self.width), [[-1.0], [1.0]])
        if preprocess == "bounds":
            bounds = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
            bounded = np.isfinite(bounds[0]) & np.isfinite(bounds[1]) & (bounds[1] > bounds[0])
            low, high = np.where(bounded, bounds[0], low), np.where(bounded, bounds[1], high)
        self.measures = preprocess != "bounds"
        self._set("shift", (low + high) / 2)
        self._set("scale", (high - low) / 2)
        if self._whitens:
            self._set("turn", np.eye(self.width))

    def _set(self, name: str, values: np.ndarray) -> None:
        """What is measured is a part of the policy."""
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32), persistent=self.measures)

    @torch.no_grad()
    def fit(self, observations: np.ndarray) -> None:
        """Takes its measure from observations (count, ...); doubles stay doubles, whose last digits are a velocity."""
        if not self.measures:
            return
        flat = self._flat(torch.as_tensor(observations, dtype=torch.float64)).numpy()
        shift, variance = flat.mean(axis=0), flat.var(axis=0)
        if self._whitens:
            variance, turn = np.linalg.eigh(np.cov(flat, rowvar=False).reshape(self.width, self.width))
            self.turn.copy_(torch.as_tensor(turn * _signs(turn)))
        spread = np.maximum(variance, 0.0) + FLOOR * variance.max()
        self.shift.copy_(torch.as_tensor(shift))
        same = np.sqrt(spread) <= ROUNDING * np.abs(flat).max()  # what does not vary at all, but for rounding
        self.scale.copy_(torch.as_tensor(np.where(same, 1.0, np.sqrt(spread))))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        centred = (self._flat(observation) - self.shift).float()
        return (centred @ self.turn if self._whitens else centred) / self.scale


def _signs(turn: np.ndarray) -> np.ndarray:
    """Of the columns, so that the largest number of each is positive: an eigenvector has none of its own."""
    return np.sign(turn[np.abs(turn).argmax(axis=0), np.arange(len(turn))])


class Pictures(nn.Module):
    """Pictures (height, width, channels), 0 to 255, through convolutions to features (batch, width).

    They see how much every pixel differs from what it mostly is, in shares of how much its channel varies: a thin pole
    is little of a picture, and as long as its channels are on the scale of a large cart's, it is not learned.

    Args:
        moments: that the channels tell of, one after the other, the oldest first; what has changed since each of the
            earlier ones is shown in its place.
    """

    measures = True

    def __init__(self, space: spaces.Box, filters: tuple[int, ...], moments: int = 1) -> None:
        super().__init__()
        channels, layers = space.shape[2], []
        self._newest = channels // moments  # its channels are the last so many
        self.register_buffer("mean", torch.full(space.shape, MIDDLE))
        self.register_buffer("spread", torch.full((channels, 1, 1), MIDDLE))
        for count, (kernel, stride) in zip(filters, WINDOWS, strict=False):
            layers += [nn.Conv2d(channels, count, kernel, stride), nn.ReLU()]
            channels = count
        self.convolutions = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # twice as fast as the other
        try:
            with torch.no_grad():
                self.width = self.convolutions(torch.zeros(1, space.shape[2], *space.shape[:2])).numel()
        except RuntimeError:
            raise BadInput(f"pictures of {space.shape} are too small for {len(filters)} filters: give fewer") from None

    def _centred(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.float().sub_(self.mean).permute(0, 3, 1, 2)

    @torch.no_grad()
    def fit(self, observations: np.ndarray) -> None:
        """Takes its measure from observations (count, height, width, channels)."""
        self.mean.copy_(torch.as_tensor(observations.mean(axis=0)))
        squares = torch.zeros(len(self.spread))
        for part in torch.as_tensor(observations).split(64):  # all as floats may be more than there is room for
            pictures = self._centred(part)
            newest, earlier = pictures[:, -self._newest :], pictures[:, : -self._newest]
            changed = newest[:, None] - earlier.unflatten(1, (-1, self._newest))
            squares += torch.cat([changed.flatten(1, 2), newest], dim=1).square().sum(dim=(0, 2, 3))
        spread = (squares / (len(observations) * self.mean[..., 0].numel())).sqrt()
        spread = torch.where(spread > ROUNDING * MIDDLE, spread, MIDDLE)  # but for what does not vary at all
        self.spread.copy_(spread[:, None, None])

    def like_seen(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Noise (count, height, width, channels) that varies as much as what the measure was taken from."""
        height, width, channels = self.mean.shape
        drawn = rng.standard_normal((count, height, width, channels)) * self.spread[:, 0, 0].numpy()
        newest = drawn[..., -self._newest :]
        changed = drawn[..., : -self._newest].reshape(count, height, width, -1, self._newest)
        earlier = (newest[..., None, :] - changed).reshape(count, height, width, -1)
        return (np.concatenate([earlier, newest], axis=-1) + self.mean.numpy()).clip(0, 255).astype(np.uint8)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        # Differences, and what the first convolution makes of them, are sums: it takes the pictures themselves, which
        # saves two passes over every one.
        first, weight = self.convolutions[0], self.convolutions[0].weight / self.spread
        of_earlier, of_newest = weight[:, : -self._newest], weight[:, -self._newest :]
        of_changes = of_earlier.unflatten(1, (-1, self._newest)).sum(dim=1)
        weight = torch.cat([-of_earlier, of_newest + of_changes], dim=1)
        out = functional.conv2d(self._centred(observation), weight, first.bias, first.stride)
        return self.convolutions[1:](out).flatten(1)


def is_picture(space: spaces.Space) -> bool:
    """Whether observations are pictures: bytes with a height, a width and channels."""
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def make_encoder(space: spaces.Box, settings: EncoderSettings, moments: int = 1) -> nn.Module:
    """An encoder of a space's observations, pictures of so many moments; its `width` features go on to the learner's
    own layers. Where it `measures`, it wants to `fit` what was seen before learning begins."""
    if is_picture(space):
        return Pictures(space, settings.filters, moments)
    return Numbers(space, settings.preprocess)
