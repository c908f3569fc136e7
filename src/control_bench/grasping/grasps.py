"""Grasps from above of an object that lies on the table, and how they are drawn to learn from."""

from dataclasses import dataclass

import numpy as np

from control_bench.grasping.gripper import Gripper
from control_bench.grasping.meshes import ObjectMesh
from control_bench.grasping.rays import rays_onto
from control_bench.grasping.stable_poses import StablePose

LEAST_DISTANCE = 0.0025
"""m, between two contacts, as in Dex-Net's sampler."""
TABLE_CLEARANCE = 0.005
"""m, that fingertips keep from the table."""


@dataclass(frozen=True, eq=False)
class Grasps:
    """centres (n, 3), m: of the grip points; angles (n,), rad: of the jaws' axis about z, in the frame of the table,
    the origin below the object's centre of mass."""

    centres: np.ndarray
    angles: np.ndarray

    def __len__(self) -> int:
        return len(self.angles)

    def __getitem__(self, which) -> "Grasps":
        return Grasps(self.centres[which], self.angles[which])

    @classmethod
    def joined(cls, several: list["Grasps"]) -> "Grasps":
        return cls(np.concatenate([one.centres for one in several]), np.concatenate([one.angles for one in several]))

    @property
    def axes(self) -> np.ndarray:
        """Unit vectors (n, 3) along the jaws' axes."""
        return np.stack([np.cos(self.angles), np.sin(self.angles), np.zeros(len(self))], axis=1)


def lowest(gripper: Gripper) -> float:
    """The height of a grip point at which the fingertips are as near to the table as they may be, m."""
    return gripper.reach + TABLE_CLEARANCE


def antipodal(
    obj: ObjectMesh, pose: StablePose, gripper: Gripper, friction: float, tries: int, rng: np.random.Generator
) -> Grasps:
    """Of so many tries, those on whose level axis two faces lie that each hold the axis in their friction cone, no
    further apart than the jaws open. Points on the surface are drawn evenly, axes evenly in the cone.

    What one jaw meets before it comes to the point that was drawn, another part of the object, is not asked here:
    labels cast rays from both open jaws.
    """
    faces = rng.choice(len(obj.faces), tries, p=obj.areas / obj.areas.sum())
    one, other = np.sqrt(rng.random(tries)), rng.random(tries)
    a, b, c = obj.triangles[faces].transpose(1, 0, 2)
    points = (1.0 - one)[:, None] * a + (one * (1.0 - other))[:, None] * b + (one * other)[:, None] * c
    inward = -obj.normals[faces] @ pose.rotation.T
    heights = points @ pose.rotation[2] + pose.height
    level, least = np.hypot(inward[:, 0], inward[:, 1]), 1.0 / np.hypot(1.0, friction)
    swing = np.arccos(np.clip(least / np.maximum(level, 1e-9), -1.0, 1.0)) * rng.uniform(-1.0, 1.0, tries)
    fit = (level >= least) & (heights >= lowest(gripper))
    angles = (np.arctan2(inward[:, 1], inward[:, 0]) + swing)[fit]
    points, axes = points[fit], np.stack([np.cos(angles), np.sin(angles), np.zeros(len(angles))], axis=1)
    body_axes = axes @ pose.rotation
    face, way = rays_onto(obj).first(points + gripper.opening * body_axes, -body_axes, gripper.opening)
    distance = gripper.opening - way
    parallel = np.einsum("ni,ni->n", obj.normals[face], body_axes) >= least
    fit = (face >= 0) & parallel & (distance >= max(LEAST_DISTANCE, gripper.narrowest))
    middles = (points + distance[:, None] / 2.0 * body_axes)[fit] @ pose.rotation.T
    return Grasps(middles + [0.0, 0.0, pose.height], angles[fit])


def shaken(grasps: Grasps, gripper: Gripper, shift: float, turn: float, rng: np.random.Generator) -> Grasps:
    """Grasps near those: shifted by so many m, and turned by so many rad, standard deviations."""
    centres = grasps.centres + rng.normal(0.0, shift, grasps.centres.shape)
    centres[:, 2] = np.maximum(centres[:, 2], lowest(gripper))
    return Grasps(centres, grasps.angles + rng.normal(0.0, turn, len(grasps)))


def anywhere(
    obj: ObjectMesh, pose: StablePose, gripper: Gripper, margin: float, count: int, rng: np.random.Generator
) -> Grasps:
    """Grasps in any direction, evenly in the object's bounding box and so many m around it."""
    placed = obj.vertices @ pose.rotation.T + [0.0, 0.0, pose.height]
    low, high = placed.min(axis=0) - margin, placed.max(axis=0) + margin
    low[2] = lowest(gripper)
    high[2] = max(high[2], low[2])
    return Grasps(rng.uniform(low, high, (count, 3)), rng.uniform(0.0, np.pi, count))
