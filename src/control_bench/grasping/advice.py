"""Why a picture offers no good grasp, in words that tell the mend."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from control_bench.grasping.crops import METRES
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.image_grasps import SamplerSettings, antipodal_pairs

GOOD = 0.5
"""A quality from which on nobody asks why."""
TOO_MUCH_MISSING = 0.2
UNSEEN = 0.001
"""Share of a picture in which an object may be hidden."""
NEARER, FARTHER = 0.8, 1.25
"""Shares of the distances that a network was trained for, beyond which it is told of."""
LEAST_CROP = 32
"""Pixels of the picture that a crop should have: with fewer it is blown up."""
ROOM = 0.01
"""m, that jaws should open further than what they close on is wide."""
WIDE = 0.3
"""m: no jaws that we know open further."""


def advise(image: DepthImage, best: float | None, gripper: Gripper, trained: dict[str, Any]) -> list[str]:
    """What may be wrong, most probable first; nothing where the best grasp is good.

    Args:
        best: quality of the best grasp, None where there is none. trained: what a network was trained for.
    """
    if best is not None and best >= GOOD:
        return []
    found = _of_the_picture(image)
    if image.mask.any() and image.missing < 1.0:
        found += _of_the_distance(image, trained) + _of_the_width(image, gripper)
    if not found:
        told = "no grasp was found" if best is None else f"the best of the grasps is thought to succeed by {best:.0%}"
        found.append(f"{told}: turn the object, or show it from another side")
    return found


def _of_the_picture(image: DepthImage) -> list[str]:
    height, width = image.depth.shape
    if image.missing >= 1.0:
        return ["the picture holds no depth at all: check the camera, and the unit (floats in m, 16 bits in mm)"]
    found = []
    if image.table is None:
        found.append("no table is seen, a plane over a tenth of the picture: give a mask of what may be grasped")
    if not image.mask.any():
        unseen = f", unless it is in the {image.missing:.1%} without depth" if image.missing > UNSEEN else ""
        found.append(f"nothing stands on the table{unseen}: put an object there, or give a mask of what may be grasped")
    if image.missing > TOO_MUCH_MISSING:
        found.append(f"{image.missing:.0%} of what may be grasped is missing depth: shiny, dark or too near things are "
                     "not seen by depth cameras")  # fmt: skip
    if min(height, width) < LEAST_CROP:
        found.append(f"the picture of {height} x {width} is smaller than a crop: give {LEAST_CROP} pixels or more")
    return found


def _of_the_distance(image: DepthImage, trained: dict[str, Any]) -> list[str]:
    distance = float(np.median(image.depth[image.mask]))
    found = []
    if trained and not NEARER * trained["near"] <= distance <= FARTHER * trained["far"]:
        found.append(f"the object is {distance:.2f} m away, and the network was trained for {trained['near']:g} to "
                     f"{trained['far']:g} m: bring the camera there, or train on such pictures")  # fmt: skip
    pixels = image.intrinsics.fx * METRES / max(distance, 1e-3)
    if pixels < LEAST_CROP:
        found.append(f"a grasp's surroundings are {pixels:.0f} pixels wide, and the network looks at {LEAST_CROP}: "
                     "bring the camera nearer")  # fmt: skip
    return found


def _of_the_width(image: DepthImage, gripper: Gripper) -> list[str]:
    """Told where no two faces are within the jaws' reach, or where only parts of the object are, or noise is."""
    rng, sampler = np.random.default_rng(0), SamplerSettings()
    if len(antipodal_pairs(image, gripper, sampler, 1, rng)[0]):
        width, whole = _narrowest(image), "as a whole, "
        if width < gripper.opening - ROOM:
            return []
    else:
        pairs, ends = antipodal_pairs(image, replace(gripper, opening=WIDE), sampler, 1000, rng)
        if not len(pairs):
            return ["no two edges face away from each other: there is nothing for two jaws to press on"]
        width = (np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * pairs.depths / image.intrinsics.fx).min()
        whole = ""
    return [f"{whole}the object is {100 * width:.1f} cm wide where it is narrowest, and the jaws open "
            f"{100 * gripper.opening:.1f} cm: turn it, or take another gripper"]  # fmt: skip


def _narrowest(image: DepthImage) -> float:
    """How wide the largest piece of the mask is, m, in the direction in which it is narrowest."""
    pieces, count = ndimage.label(image.mask)
    largest = pieces == 1 + np.argmax(np.bincount(pieces.ravel(), minlength=count + 1)[1:])
    pixels = np.argwhere(largest)
    turns = np.arange(0.0, np.pi, np.pi / 36.0)
    along = pixels @ np.stack([np.cos(turns), np.sin(turns)])
    return float(np.ptp(along, axis=0).min() * np.median(image.depth[largest]) / image.intrinsics.fx)
