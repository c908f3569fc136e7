"""The quality of grasps everywhere in a picture at once, in several directions and depths.

Source: Satish et al. 2019, FC-GQ-CNN: a network of convolutions alone judges every place of a picture in one pass. Here
the picture is turned for each direction, and seen from each depth; what `small` says of a place is then what it says of
that grasp's crop.
"""

import math

import numpy as np
import torch

from control_bench.errors import BadInput
from control_bench.grasping.crops import METRES, PIXELS, affine_sample, shrink
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gqcnn import SmallNetwork
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.image_grasps import DEEP, ImageGrasps, deepest, on_mask, surface
from control_bench.grasping.planners import PlannerSettings, Rater, nearby

ANGLES = 12
STEP = 0.015
"""m from one depth to the next: fingertips reach 10 mm to either side of it."""
GRID = 4
"""Pixels from one of the mask's that is asked about to the next."""
LOOKED_AT = 200
"""Of the places that look best at one depth, before it is asked whether a grip point may be so deep there."""
KEPT, AROUND = 8, 8
"""Of the best grasps, and as many like each of them, that are rated once more by crops of their own."""
SHIFT, TURN = 3.0, 0.1
"""Pixels and rad, by which those differ: half of what lies between two that were asked for."""


def depth_steps(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The depths (k,), m, to look at, of places where grip points may be from some depth (m,) to another."""
    low, high = float(least.min()) + STEP / 2.0, float(most.max())
    return np.arange(low, max(high, low) + STEP / 2.0, STEP)


def everywhere(
    network: SmallNetwork, picture: torch.Tensor, focal: float, depth: float, angles: np.ndarray, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the network says of grasps at one depth.

    Args:
        picture: depths (height, width), m. focal: length, pixels. depth: m. angles: (k,), rad, of the jaws' axes.
        pixels: (m, 2), around which.

    Returns:
        Of every place in rows and columns that are turned by the angles, a grid (h, w): its pixels (k, h, w, 2), and
        the qualities (k, h, w).
    """
    scale = focal * METRES / PIXELS / depth
    factor = max(round(scale), 1)
    small = shrink(picture, factor)
    height, width = small.shape
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    along = pixels @ turns  # (k, m, 2): columns and rows of the turned pictures, in the picture's own pixels
    low, high = along.min(axis=1), along.max(axis=1)
    middles = np.einsum("kij,kj->ki", turns, (low + high) / 2.0)
    stride = network.stride
    count = np.ceil((high - low).max(axis=0) / scale / stride).astype(int) + 1
    size = stride * (count - 1) + PIXELS  # what the places' crops cover, columns and rows
    transforms = np.zeros((len(angles), 2, 3))
    transforms[:, :, :2] = turns * (scale * size / factor) / np.array([[width], [height]])
    transforms[:, :, 2] = 2.0 * (middles + 0.5) / factor / (width, height) - 1.0
    with torch.inference_mode():
        seen = affine_sample(
            small.expand(len(angles), 1, height, width), torch.as_tensor(transforms, dtype=torch.float32),
            (int(size[1]), int(size[0])),
        )  # fmt: skip
        told = network.layers(network.relief(seen - depth))
        qualities = torch.sigmoid(told[:, 1] - told[:, 0]).numpy()
    columns, rows = (scale * stride * (np.arange(n) - (n - 1) / 2.0) for n in count)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    return middles[:, None, None] + np.einsum("kij,hwj->khwi", turns, grid), qualities


def fully_convolutional(rater: Rater, gripper: Gripper, settings: PlannerSettings, rng: np.random.Generator) -> None:
    """Rates the grasps that are best everywhere, and some like them."""
    image, network = rater.image, rater.network
    picture = torch.as_tensor(image.depth, dtype=torch.float32)
    if not isinstance(network, SmallNetwork):
        raise BadInput("planner: fully_convolutional needs a network of convolutions alone: set architecture=small")
    rows, columns = np.nonzero(image.mask[::GRID, ::GRID])
    if not len(rows):
        return
    pixels = GRID * np.stack([columns, rows], axis=1).astype(float)
    least, most = span(image, pixels, gripper)
    angles, found, qualities = np.arange(ANGLES) * math.pi / ANGLES, [], []
    # The depths in an order that is not that of depth: where time runs out, what was seen is of all sorts.
    for depth in rng.permutation(depth_steps(least, most)):
        there = (least <= depth) & (depth <= most)
        if rater.over and found:
            break
        if not there.any():
            continue
        where, told = everywhere(network, picture, image.intrinsics.fx, depth, angles, pixels[there])
        places, told = where.reshape(-1, 2), told.ravel()
        turned = np.repeat(angles, told.size // ANGLES)
        best = np.flatnonzero(on_mask(image, places))
        best = best[np.argsort(-told[best], kind="stable")[:LOOKED_AT]]
        low, high = span(image, places[best], gripper)
        best = best[(low <= depth) & (depth <= high)][:KEPT]
        found.append(ImageGrasps(places[best], turned[best], np.full(len(best), depth)))
        qualities.append(told[best])
    if not found:
        return
    grasps = ImageGrasps.joined(found)
    best = grasps[np.argsort(-np.concatenate(qualities), kind="stable")[:KEPT]]
    rater.rate(ImageGrasps.joined([best, nearby(image, best, gripper, AROUND, SHIFT, TURN, rng)]))


def span(image: DepthImage, pixels: np.ndarray, gripper: Gripper) -> tuple[np.ndarray, np.ndarray]:
    """From which depth to which (n,), m, grip points may be: below the surface, as far as planners look, and not so
    that fingertips are in the table."""
    near = surface(image, pixels)
    return near, np.minimum(near + DEEP[1], deepest(image, pixels, gripper))
