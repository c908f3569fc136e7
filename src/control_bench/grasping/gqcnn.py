"""Grasp quality networks: how probable it is that a grasp succeeds, by its crop and its depth.

`paper` and `code` are Dex-Net 2.0's GQ-CNN (Mahler et al. 2017) as the paper counts it, 18 million parameters, and as
the published code has it, with a second pooling, 5.4 million. `small` is ours, for processors: it looks at depths less
the grasp's alone, so it does not know how far away the camera is, and all its layers are convolutions without padding,
so that it is run over a whole picture with the same result (see `fully_convolutional`).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from control_bench.grasping.crops import PIXELS

Architecture = Literal["small", "code", "paper"]
RELIEF = 0.06
"""m: of what is higher above the grip point, or deeper below it, `small` knows no more than that."""


class Normalised(nn.Module):
    """Numbers less their mean, in deviations, of data that was told of once."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def measure(self, values: torch.Tensor) -> None:
        self.mean.copy_(values.mean())
        self.deviation.copy_(values.std())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (values - self.mean) / self.deviation


class Pool(nn.Module):
    """The largest of two by two places, and on by a stride of 1 or 2.

    On processors torch's own takes thirty times as long as comparing what lies beside each other; but not the way back.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if values.requires_grad:
            return F.max_pool2d(values, 2, self.stride)
        height, width = (edge - edge % self.stride for edge in values.shape[2:])
        last = -1 if self.stride == 1 else None
        values = values[:, :, :height, :width]
        values = torch.maximum(values[:, :, : last : self.stride], values[:, :, 1 :: self.stride])
        return torch.maximum(values[..., : last : self.stride], values[..., 1 :: self.stride])


class PaperNetwork(nn.Module):
    """Pictures and the grip point's depth, both as the camera tells them; two streams, merged."""

    def __init__(self, pools: int, dropout: float) -> None:
        super().__init__()
        self.image, self.depth = Normalised(), Normalised()
        norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)  # radius 2; torch divides alpha by the size
        halve = Pool(2)
        self.picture = nn.Sequential(
            nn.Conv2d(1, 64, 7, padding="same"), nn.ReLU(),
            nn.Conv2d(64, 64, 5, padding="same"), nn.ReLU(), norm, halve,
            nn.Conv2d(64, 64, 3, padding="same"), nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding="same"), nn.ReLU(), norm, halve if pools == 2 else nn.Identity(),
            nn.Flatten(), nn.Linear(64 * (PIXELS >> pools) ** 2, 1024), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.pose = nn.Sequential(nn.Linear(1, 16), nn.ReLU())
        self.merged = nn.Sequential(nn.Linear(1024 + 16, 1024), nn.ReLU(), nn.Dropout(dropout), nn.Linear(1024, 2))

    def measure(self, crops: torch.Tensor, depths: torch.Tensor) -> None:
        """Takes the training data's mean and deviation."""
        self.image.measure(crops + depths[:, None, None])
        self.depth.measure(depths)

    def forward(self, crops: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
        pictures = self.image(crops + depths[:, None, None])[:, None]
        pose = self.pose(self.depth(depths)[:, None])
        return self.merged(torch.cat([self.picture(pictures), pose], dim=1))


class SmallNetwork(nn.Module):
    """One stream of convolutions; `layers` takes pictures of any size of at least PIXELS, see `relief`."""

    stride = 2
    """Of a crop's pixels, from one place that it judges to the next."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        layers = nn.Sequential(
            nn.Conv2d(1, 16, 5), nn.ReLU(), Pool(self.stride),
            nn.Conv2d(16, 32, 5), nn.ReLU(),
            nn.Conv2d(32, 32, 3), nn.ReLU(),
            # A pooling of every other place, as far as a crop goes, that leaves out none of a larger picture's.
            Pool(1),
            nn.Conv2d(32, 64, 4, dilation=2), nn.ReLU(), nn.Dropout(dropout),
            nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Dropout(dropout),
            nn.Conv2d(64, 2, 1),
        )  # fmt: skip
        self.layers = layers.to(memory_format=torch.channels_last)  # as processors like few channels best

    def measure(self, crops: torch.Tensor, depths: torch.Tensor) -> None:
        """Its measure is RELIEF, whatever the data."""

    @staticmethod
    def relief(below: torch.Tensor) -> torch.Tensor:
        """What it sees of how far a picture is below the grip point, m."""
        return (below / RELIEF).clamp(-1.0, 1.0)

    def forward(self, crops: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
        return self.layers(self.relief(crops)[:, None]).flatten(1)


def make_network(architecture: Architecture, dropout: float = 0.0) -> nn.Module:
    """From crops (n, PIXELS, PIXELS) and depths (n,), m, to logits (n, 2) of failure and success.

    Weights are drawn from normal distributions of deviation sqrt(2 / inputs), cut at two of them, as in the code of
    Dex-Net; biases begin at 0.
    """
    network = SmallNetwork(dropout) if architecture == "small" else PaperNetwork(1 + (architecture == "code"), dropout)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            deviation = (2.0 / layer.weight[0].numel()) ** 0.5
            nn.init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            nn.init.zeros_(layer.bias)
    return network


def quality(network: nn.Module, crops: torch.Tensor, depths: torch.Tensor, batch: int = 64) -> torch.Tensor:
    """The probability of success (n,), so many at once: small batches stay in the processor's cache."""
    with torch.inference_mode():
        parts = zip(crops.split(batch), depths.split(batch), strict=True)
        logits = [network(crop, depth) for crop, depth in parts]
    return torch.cat(logits).softmax(dim=1)[:, 1] if logits else depths.new_zeros(0)


def entropies(
    network: nn.Module, crops: torch.Tensor, depths: torch.Tensor, passes: int = 20
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean quality (n,) over passes with dropout (Gal and Ghahramani 2016), and the entropy (n,) of failing or
    succeeding by it, nat: 0 where the network is sure, log 2 where it is not at all."""
    dropouts = [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]
    for layer in dropouts:
        layer.train()
    mean = torch.stack([quality(network, crops, depths) for _ in range(passes)]).mean(dim=0)
    for layer in dropouts:
        layer.eval()
    both = torch.stack([mean, 1.0 - mean])
    return mean, torch.special.entr(both).sum(dim=0)
