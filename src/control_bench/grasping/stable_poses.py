"""How an object lies on a table: its stable poses, and how probable each is.

Source: Goldberg et al. 1999, as trimesh has it: of an object dropped in any attitude, without bouncing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh

from control_bench.errors import BadInput

LEAST_PROBABLE = 0.01


@dataclass(frozen=True, eq=False)
class StablePose:
    """rotation (3, 3): of the object, z up; height: of its centre of mass over the table, m."""

    rotation: np.ndarray
    height: float
    probability: float


def stable_poses(vertices: np.ndarray, faces: np.ndarray, name: str) -> tuple[StablePose, ...]:
    """Of a mesh about its centre of mass, vertices (v, 3), m, and faces (f, 3), by its name for errors.

    Those of a probability of at least LEAST_PROBABLE, or of what is as round as a ball all, the most probable first;
    their probabilities sum to 1. BadInput where there are none.
    """
    transforms, chances = trimesh.poses.compute_stable_poses(
        trimesh.Trimesh(vertices, faces, process=False), center_mass=np.zeros(3), sigma=0.0, n_samples=1,
        threshold=0.0,
    )  # fmt: skip
    likely = chances >= LEAST_PROBABLE
    if likely.any():
        transforms, chances = transforms[likely], chances[likely]
    if not len(chances):
        raise BadInput(f"{name}: comes to rest in no pose: mend its mesh, or take another")
    rotations = transforms[:, :3, :3]
    heights = -np.einsum("pz,vz->pv", rotations[:, 2], vertices).min(axis=1)
    return tuple(
        StablePose(rotation, float(height), float(chance))
        for rotation, height, chance in zip(rotations, heights, chances / chances.sum(), strict=True)
    )


def draw_pose(poses: Sequence[StablePose], rng: np.random.Generator) -> StablePose:
    """One of them, as probable as it is."""
    return poses[rng.choice(len(poses), p=[pose.probability for pose in poses])]
