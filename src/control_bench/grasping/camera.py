"""Depth cameras: intrinsics as cameras tell them, where a camera stands, and what it sees of meshes on a table.

Pixels (column u, row v) are counted from the upper left; whole numbers are their centres. A camera's optical frame has
x to the right, y down and z forward (REP-103); depth is along z, m.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit

from control_bench.errors import BadInput


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera's focal lengths and principal point, pixels, and the size of its pictures."""

    fx: float
    fy: float
    cx: float
    cy: float
    height: int
    width: int

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy)
        if not all(math.isfinite(number) for number in numbers) or self.fx <= 0 or self.fy <= 0:
            raise BadInput(f"intrinsics fx {self.fx:g}, fy {self.fy:g}: focal lengths in pixels are above 0")
        if self.height < 1 or self.width < 1:
            raise BadInput(f"intrinsics of a picture of {self.height} x {self.width}: it has pixels")

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of points (..., 3) in the optical frame, m."""
        return points[..., :2] / points[..., 2:] * (self.fx, self.fy) + (self.cx, self.cy)

    def deproject(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the optical frame, m, of pixels (..., 2) at depths (...)."""
        across = (np.asarray(pixels, dtype=float) - (self.cx, self.cy)) / (self.fx, self.fy)
        depth = np.asarray(depth, dtype=float)[..., None]
        return np.concatenate([across * depth, depth], axis=-1)

    def cropped(self, left: int, top: int, width: int, height: int) -> "Intrinsics":
        """Of a window of its pictures."""
        return Intrinsics(self.fx, self.fy, self.cx - left, self.cy - top, height, width)


PRIMESENSE = Intrinsics(525.0, 525.0, 319.5, 239.5, 480, 640)
"""The paper's camera."""


@dataclass(frozen=True)
class Viewpoint:
    """Where a camera is: eye (3,), m, and axes (3, 3), its right, down and forward, one a row, in the world."""

    eye: np.ndarray
    axes: np.ndarray

    @classmethod
    def around(cls, radius: float, azimuth: float, polar: float, roll: float = 0.0) -> "Viewpoint":
        """On a sphere about the table's middle, looking at it; radius: m, angles: rad, polar from the vertical."""
        back = np.array([math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar)])
        right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
        down = np.cross(-back, right)
        cos, sin = math.cos(roll), math.sin(roll)
        axes = np.stack([cos * right + sin * down, cos * down - sin * right, -back])
        return cls(radius * back, axes)

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the world in the optical frame."""
        return (points - self.eye) @ self.axes.T

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """The other way round."""
        return points @ self.axes + self.eye


@njit(cache=True)
def _draw_table(depth, fx, fy, cx, cy, normal, away):
    """Fills in the depth of the plane of points p with normal . p = away; 0 where a ray misses it."""
    height, width = depth.shape
    for v in range(height):
        below = normal[1] * (v - cy) / fy + normal[2]
        for u in range(width):
            towards = normal[0] * (u - cx) / fx + below
            depth[v, u] = away / towards if towards * away > 0.0 else 0.0


@njit(cache=True)
def _draw_triangles(points, faces, bodies, fx, fy, cx, cy, near, depth, body):
    """Draws triangles into a z-buffer: 1 / z is linear on the picture, so that this is what a ray through a pixel's
    centre would meet."""
    height, width = depth.shape
    u, v, inverse = np.empty(3), np.empty(3), np.empty(3)
    for face in range(len(faces)):
        nearest = np.inf
        for corner in range(3):
            x, y, z = points[faces[face, corner]]
            nearest = min(nearest, z)
            if z > near:
                inverse[corner] = 1.0 / z
                u[corner], v[corner] = fx * x / z + cx, fy * y / z + cy
        if nearest <= near:
            continue
        area = (u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0])
        if area == 0.0:
            continue
        left, right = max(math.ceil(min(u[0], u[1], u[2])), 0), min(math.floor(max(u[0], u[1], u[2])), width - 1)
        top, bottom = max(math.ceil(min(v[0], v[1], v[2])), 0), min(math.floor(max(v[0], v[1], v[2])), height - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                a = ((u[1] - column) * (v[2] - row) - (u[2] - column) * (v[1] - row)) / area
                b = ((u[2] - column) * (v[0] - row) - (u[0] - column) * (v[2] - row)) / area
                # Each edge by its own two corners: what one triangle leaves of it, its neighbour takes.
                edge = ((u[0] - column) * (v[1] - row) - (u[1] - column) * (v[0] - row)) / area
                if a < 0.0 or b < 0.0 or edge < 0.0:
                    continue
                c = 1.0 - a - b
                z = 1.0 / (a * inverse[0] + b * inverse[1] + c * inverse[2])
                if depth[row, column] == 0.0 or z < depth[row, column]:
                    depth[row, column], body[row, column] = z, bodies[face]


NEAR = 0.05
"""m: what is nearer to a camera is not seen."""


@dataclass(frozen=True)
class Camera:
    """A depth camera at its place over the table, the world's plane z = 0."""

    intrinsics: Intrinsics
    view: Viewpoint

    def render(
        self, vertices: np.ndarray, faces: np.ndarray, bodies: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """What it sees of the table, and of triangles on it.

        Args:
            vertices: (v, 3), m, in the world. faces: (f, 3). bodies: which body each face (f,) is of, from 1; all of 1
                where none are told.

        Returns:
            depth (height, width), m, 0 where there is nothing, and the body that each pixel shows, 0 for none.
        """
        i, view = self.intrinsics, self.view
        depth, body = np.empty((i.height, i.width)), np.zeros((i.height, i.width), np.int32)
        _draw_table(depth, i.fx, i.fy, i.cx, i.cy, np.ascontiguousarray(view.axes[:, 2]), -view.eye[2])
        if len(faces):
            bodies = np.ones(len(faces), np.int32) if bodies is None else bodies
            points = np.ascontiguousarray(view.to_camera(vertices))
            _draw_triangles(points, faces, bodies, i.fx, i.fy, i.cx, i.cy, NEAR, depth, body)
        return depth, body

    def render_shapes(self, shapes: Iterable[tuple[np.ndarray, np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
        """As `render`, of several meshes: the vertices (v, 3) of each, m, in the world, its faces (f, 3), and which
        body, from 1, it is of."""
        vertices, faces, bodies, count = [np.zeros((0, 3))], [np.zeros((0, 3), np.int32)], [np.zeros(0, np.int32)], 0
        for corners, triangles, body in shapes:
            vertices.append(corners)
            faces.append(triangles + count)
            bodies.append(np.full(len(triangles), body, np.int32))
            count += len(corners)
        return self.render(*map(np.concatenate, (vertices, faces, bodies)))
