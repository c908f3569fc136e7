"""How robust grasps are: the share of force closures, and the mean epsilon quality, over draws of what is uncertain.

Source: Mahler et al. 2017, Dex-Net 2.0, with the figures of its code; the two contacts' cone test is Nguyen's (1988).
"""

from dataclasses import dataclass, fields

import numpy as np
from numba import njit

from control_bench.grasping.collision import collision_free
from control_bench.grasping.epsilon import epsilon_quality
from control_bench.grasping.grasps import Grasps
from control_bench.grasping.gripper import Gripper
from control_bench.grasping.meshes import ObjectMesh
from control_bench.grasping.rays import rays_onto
from control_bench.grasping.stable_poses import StablePose
from control_bench.settings import require, require_positive


@dataclass(frozen=True)
class Uncertainty:
    """What is not known when the jaws close; standard deviations.

    Attributes:
        draws: over which a label is a mean.
        friction, friction_deviation: of jaws on object, cut to 0 to 1.
        object_translation (m), object_rotation (rad): of the object's pose, along and about each axis.
        gripper_translation (m), gripper_rotation (rad): of the gripper's.
        clearance: m, that fingers keep from the object as they come down.
    """

    draws: int = 25
    friction: float = 0.5
    friction_deviation: float = 0.1
    object_translation: float = 0.005
    object_rotation: float = 0.01
    gripper_translation: float = 0.005
    gripper_rotation: float = 0.001
    clearance: float = 0.002

    def __post_init__(self) -> None:
        require_positive(self, "draws")
        for field in fields(Uncertainty):
            name, value = field.name, getattr(self, field.name)
            require(value >= 0, f"{name}: {value!r} should be 0 or more")


@njit(cache=True)
def _rotation(x, y, z, out):
    """Of a rotation vector (Rodrigues)."""
    angle = np.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        out[:] = np.eye(3)
        return
    x, y, z = x / angle, y / angle, z / angle
    c, s = np.cos(angle), np.sin(angle)
    d = 1.0 - c
    out[0, 0], out[0, 1], out[0, 2] = c + x * x * d, x * y * d - z * s, x * z * d + y * s
    out[1, 0], out[1, 1], out[1, 2] = y * x * d + z * s, c + y * y * d, y * z * d - x * s
    out[2, 0], out[2, 1], out[2, 2] = z * x * d - y * s, z * y * d + x * s, c + z * z * d


@njit(cache=True)
def _turn_back(rotation, vector, out):
    """By the inverse of a rotation: numba's own product of such small matrices takes ten times as long."""
    for i in range(3):
        out[i] = rotation[0, i] * vector[0] + rotation[1, i] * vector[1] + rotation[2, i] * vector[2]


@njit(cache=True)
def _jaw_rays(centres, angles, pose, height, opening, noise, scales, origins, directions):
    """Where the jaws start and go, in the object's frame: a grasp's draws one after the other, of each both jaws."""
    turn, axis, away, middle, along = np.empty((3, 3)), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    ray = 0
    for grasp in range(len(angles)):
        for draw in range(noise.shape[1]):
            n = noise[grasp, draw]
            _rotation(scales[0] * n[0], scales[0] * n[1], scales[0] * n[2], turn)
            angle = angles[grasp] + scales[3] * n[9]
            axis[0], axis[1], axis[2] = np.cos(angle), np.sin(angle), 0.0
            for k in range(3):
                away[k] = centres[grasp, k] + scales[2] * n[6 + k] - scales[1] * n[3 + k]
            away[2] -= height
            # The object was turned about its centre of mass, and then shifted: the way back.
            _turn_back(turn, away, middle)
            _turn_back(pose, middle, away)
            _turn_back(turn, axis, middle)
            _turn_back(pose, middle, along)
            for k in range(3):
                origins[ray, k], directions[ray, k] = away[k] - opening / 2.0 * along[k], along[k]
                origins[ray + 1, k], directions[ray + 1, k] = away[k] + opening / 2.0 * along[k], -along[k]
            ray += 2


@njit(cache=True)
def _closures(faces, normals, directions, frictions, closed):
    """Where both jaws meet a face within their friction cones."""
    ray = 0
    for grasp in range(frictions.shape[0]):
        for draw in range(frictions.shape[1]):
            least = 1.0 / np.sqrt(1.0 + frictions[grasp, draw] ** 2)
            held = True
            for jaw in range(2):
                face = faces[ray + jaw]
                if face < 0:
                    held = False
                    break
                n, d = normals[face], directions[ray + jaw]
                if -(n[0] * d[0] + n[1] * d[1] + n[2] * d[2]) < least:
                    held = False
                    break
            closed[grasp, draw] = held
            ray += 2


@dataclass(frozen=True, eq=False)
class Contacts:
    """What the jaws meet of an object, of n grasps in k draws.

    Attributes:
        closed: (n, k), whether a draw is a force closure. frictions: (n, k).
        origins, directions, ways, faces: of the jaws' rays, a draw's two one after the other, in the object's frame.
    """

    obj: ObjectMesh
    closed: np.ndarray
    frictions: np.ndarray
    origins: np.ndarray
    directions: np.ndarray
    ways: np.ndarray
    faces: np.ndarray


def contacts(
    obj: ObjectMesh, pose: StablePose, grasps: Grasps, gripper: Gripper, uncertain: Uncertainty,
    rng: np.random.Generator,
) -> Contacts:  # fmt: skip
    """What the jaws meet as they close, in every draw."""
    u, shape = uncertain, (len(grasps), uncertain.draws)
    noise = rng.standard_normal((*shape, 11), dtype=np.float32)
    frictions = np.clip(u.friction + u.friction_deviation * noise[..., 10], 0.0, 1.0)
    scales = np.array([u.object_rotation, u.object_translation, u.gripper_translation, u.gripper_rotation])
    origins, directions = np.empty((2, 2 * shape[0] * shape[1], 3), np.float32)
    _jaw_rays(
        grasps.centres, grasps.angles, pose.rotation, pose.height, gripper.opening, noise, scales, origins, directions
    )
    faces, ways = rays_onto(obj).first(origins, directions, gripper.opening)
    closed = np.empty(shape, dtype=np.bool_)
    _closures(faces, obj.normals, directions, frictions, closed)
    return Contacts(obj, closed, frictions, origins, directions, ways, faces)


def robust_force_closure(found: Contacts) -> np.ndarray:
    """The share of draws (n,) that are force closures."""
    return found.closed.mean(axis=1)


def robust_epsilon(found: Contacts) -> np.ndarray:
    """The mean epsilon quality over the draws (n,)."""
    quality, held = np.zeros(found.closed.shape), found.closed
    rays = np.repeat(held.ravel(), 2)
    points = found.origins[rays] + found.ways[rays, None] * found.directions[rays]
    inward = -found.obj.normals[found.faces[rays]]
    points, inward = points.reshape(-1, 2, 3).astype(float), inward.reshape(-1, 2, 3)
    quality[held] = epsilon_quality(points, inward, found.frictions[held], np.zeros((held.sum(), 3)))
    return quality.mean(axis=1)


def reachable(obj: ObjectMesh, pose: StablePose, grasps: Grasps, gripper: Gripper, margin: float) -> np.ndarray:
    """Whether the gripper comes down to them without touching the object, bool (n,)."""
    placed = obj.triangles @ pose.rotation.T + [0.0, 0.0, pose.height]
    return collision_free(placed, grasps, gripper, margin)
