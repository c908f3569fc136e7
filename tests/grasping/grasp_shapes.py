"""Objects that tests of grasps share, and what a line meets of them, by plain arithmetic."""

import numpy as np
import trimesh

from control_bench.grasping.meshes import ObjectMesh, make_object
from control_bench.grasping.stable_poses import StablePose

L_CORNERS = np.array([(0.0, 0.0), (0.06, 0.0), (0.06, 0.02), (0.02, 0.02), (0.02, 0.06), (0.0, 0.06)])
"""Against the clock, m; every corner is seen from the first."""


def solid(mesh: trimesh.Trimesh, name: str = "solid") -> ObjectMesh:
    return make_object(mesh, 1.0, name, name)


def box(*edges: float) -> ObjectMesh:
    return solid(trimesh.creation.box(edges), "box")


def extruded(corners: np.ndarray, height: float) -> trimesh.Trimesh:
    """A prism on z = 0; corners (c, 2) against the clock, all seen from the first."""
    count = len(corners)
    lower, upper = (np.column_stack([corners, np.full(count, z)]) for z in (0.0, height))
    fan = [(0, i, i + 1) for i in range(1, count - 1)]
    faces = [(c, b, a) for a, b, c in fan] + [tuple(count + corner for corner in face) for face in fan]
    for i in range(count):
        j = (i + 1) % count
        faces += [(i, j, count + j), (i, count + j, count + i)]
    return trimesh.Trimesh(np.concatenate([lower, upper]), faces, process=False)


def hull(seed: int, size: float = 0.04, corners: int = 12) -> ObjectMesh:
    """A random convex object."""
    points = np.random.default_rng(seed).normal(0.0, 1.0, (corners, 3))
    mesh = trimesh.convex.convex_hull(points)
    return solid(mesh.apply_scale(size / np.ptp(mesh.vertices, axis=0).max()), "hull")


def lying(obj: ObjectMesh, rotation: np.ndarray | None = None) -> StablePose:
    """An object on the table, turned as it is told, whether it would stay so or not."""
    rotation = np.eye(3) if rotation is None else rotation
    return StablePose(rotation, float(-(obj.vertices @ rotation.T)[:, 2].min()), 1.0)


def crossings(triangles: np.ndarray, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """How far along each line (n, 3) it crosses each triangle (n, f), NaN where it does not (Möller and Trumbore)."""
    a, b, c = triangles.transpose(1, 0, 2)
    one, other = b - a, c - a
    across = np.cross(directions[:, None], other)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / np.einsum("fk,nfk->nf", one, across)
        away = origins[:, None] - a
        u = np.einsum("nfk,nfk->nf", away, across) * inverse
        beside = np.cross(away, one)
        v = np.einsum("nk,nfk->nf", directions, beside) * inverse
        t = np.einsum("fk,nfk->nf", other, beside) * inverse
        return np.where((u >= 0.0) & (v >= 0.0) & (u + v <= 1.0), t, np.nan)


def first_crossing(triangles: np.ndarray, origins: np.ndarray, directions: np.ndarray, reach: float = np.inf):
    """The first triangle (n,) that each ray meets within its reach, -1 for none, and how far it is."""
    ways = crossings(triangles, origins, directions)
    ways = np.where((ways >= 0.0) & (ways <= reach), ways, np.inf)
    face = ways.argmin(axis=1)
    way = ways[np.arange(len(ways)), face]
    return np.where(np.isfinite(way), face, -1), way
