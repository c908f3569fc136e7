"""Grasps that a network thinks best: of those that a picture's edges offer, or of what the cross-entropy method makes
of them.

Source: Mahler et al. 2017: grasps are drawn, the best quarter is fitted with a mixture of Gaussians in jaw ends and
depth, others are drawn from that, and so on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from control_bench.grasping.crops import crops
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gqcnn import quality
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.image_grasps import (
    ImageGrasps,
    SamplerSettings,
    antipodal_pairs,
    deepest,
    draw_depths,
    on_mask,
    surface,
)
from control_bench.grasping.mixture import draw_from, fit_mixture
from control_bench.settings import require, require_positive

RATED_AT_ONCE = 64


@dataclass(frozen=True)
class PlannerSettings(SamplerSettings):
    """How to look for the best grasp; see SamplerSettings too.

    Attributes:
        seeds: antipodal grasps that are rated first. samples: drawn in each of the iterations of the cross-entropy
            method from a mixture of so many components, fitted to the elite, a share of the best.
        budget: s, in real time; no grasp is rated after that, and the best so far is taken.
    """

    seeds: int = 250
    samples: int = 100
    iterations: int = 3
    elite: float = 0.25
    components: int = 3
    budget: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "seeds", "samples", "components", "budget")
        require(self.iterations >= 0, "iterations: should be 0 or more")
        require(0.0 < self.elite <= 1.0, f"elite: {self.elite!r} is a share above 0, at most 1")


def crops_of(image: DepthImage, grasps: ImageGrasps) -> tuple[torch.Tensor, torch.Tensor]:
    """What a network is told of a picture's grasps: crops (n, 32, 32) and depths (n,), m."""
    told = (image.depth, grasps.pixels, grasps.angles, grasps.depths)
    picture, pixels, angles, depths = (torch.as_tensor(one, dtype=torch.float32) for one in told)
    return crops(picture, pixels, angles, depths, image.intrinsics.fx), depths


class Rater:
    """Rates the grasps of one picture, as long as there is time."""

    def __init__(self, network: nn.Module, image: DepthImage, budget: float) -> None:
        self.network, self.image = network, image
        self.deadline = time.monotonic() + budget
        self.grasps, self.qualities = ImageGrasps.none(), np.zeros(0)

    @property
    def over(self) -> bool:
        """Whether time has run out."""
        return time.monotonic() >= self.deadline

    def rate(self, grasps: ImageGrasps) -> np.ndarray:
        """The qualities (<= n,) of the first so many grasps, which are remembered; of a few however late it is."""
        rated = []
        for first in range(0, len(grasps), RATED_AT_ONCE):
            if self.over and len(self.qualities) + len(rated):
                break
            part = grasps[first : first + RATED_AT_ONCE]
            rated.append(quality(self.network, *crops_of(self.image, part)).numpy())
        qualities = np.concatenate(rated) if rated else np.zeros(0)
        self.grasps = ImageGrasps.joined([self.grasps, grasps[: len(qualities)]])
        self.qualities = np.concatenate([self.qualities, qualities])
        return qualities

    def best(self) -> tuple[ImageGrasps, np.ndarray]:
        """All that were rated and their qualities, the best first."""
        order = np.argsort(-self.qualities, kind="stable")
        return self.grasps[order], self.qualities[order]


Planner = Callable[[Rater, Gripper, PlannerSettings, np.random.Generator], None]
"""Rates the grasps of a picture that it thinks of."""


def rank(rater: Rater, gripper: Gripper, settings: PlannerSettings, rng: np.random.Generator) -> None:
    """Rates antipodal grasps."""
    count = settings.seeds + settings.iterations * settings.samples
    rater.rate(antipodal_pairs(rater.image, gripper, settings, count, rng)[0])


def cross_entropy(rater: Rater, gripper: Gripper, settings: PlannerSettings, rng: np.random.Generator) -> None:
    """Rates antipodal grasps, and then what is like the best of them."""
    s, image = settings, rater.image
    grasps, ends = antipodal_pairs(image, gripper, settings, s.seeds, rng)
    for _ in range(s.iterations):
        qualities = rater.rate(grasps)
        count = round(s.elite * len(qualities))
        if count < 2 or rater.over:
            return
        best = np.argsort(-qualities, kind="stable")[:count]
        told = np.column_stack([ends[best].reshape(count, 4), grasps.depths[best]])
        mixture = fit_mixture(told, min(s.components, count // 2), rng)
        drawn = draw_from(mixture, s.samples, rng)
        drawn, ends = drawn[:, 4], drawn[:, :4].reshape(-1, 2, 2)
        # A mixture knows no objects and no tables: what lies beside the one is left out, what is in the other raised.
        inside = on_mask(image, ends.mean(axis=1))
        ends, drawn = ends[inside], drawn[inside]
        middles, across = ends.mean(axis=1), ends[:, 1] - ends[:, 0]
        depths = np.minimum(drawn, deepest(image, middles, gripper))
        grasps = ImageGrasps(middles, np.arctan2(across[:, 1], across[:, 0]), depths)
    rater.rate(grasps)


def nearby(
    image: DepthImage, grasps: ImageGrasps, gripper: Gripper, count: int, shift: float, turn: float,
    rng: np.random.Generator,
) -> ImageGrasps:  # fmt: skip
    """So many grasps like each of some: shifted by pixels and turned by rad, standard deviations, at other depths."""
    many = grasps[np.repeat(np.arange(len(grasps)), count)]
    pixels = many.pixels + rng.normal(0.0, shift, many.pixels.shape)
    inside = on_mask(image, pixels)
    many, pixels = many[inside], pixels[inside]
    depths = np.where(rng.random(len(many)) < 0.5, many.depths, draw_depths(image, pixels, gripper, rng))
    depths = np.clip(depths, surface(image, pixels), deepest(image, pixels, gripper))
    return ImageGrasps(pixels, many.angles + rng.normal(0.0, turn, len(many)), depths)
