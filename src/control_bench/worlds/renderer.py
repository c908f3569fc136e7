"""Draws boxes as cameras see them: compiled, as pybullet's TinyRenderer draws them without shadows, many times as fast.

A ray goes through every pixel that a box can cover. What does not move is drawn once.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from control_bench.worlds.boxes import Box, rotation_of

LIGHT = np.array([-50.0, 30.0, 100.0]) / np.linalg.norm([-50.0, 30.0, 100.0])
AMBIENT, DIFFUSE, SPECULAR = 0.6, 0.35, 0.05
"""pybullet's own light, where none is named."""
BACKGROUND = 255


@dataclass(frozen=True)
class Camera:
    """A pinhole camera of square pictures.

    Attributes:
        eye, target: where it is and looks at, m; up is z, or y where it looks along z. view: field of view, degrees.
        near: what is nearer along its axis is not seen, m. size: pixels of an edge.
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    view: float = 60.0
    near: float = 0.1
    size: int = 50

    @property
    def focal(self) -> float:
        """Focal length, pixels."""
        return self.size / 2.0 / math.tan(math.radians(self.view) / 2.0)

    def axes(self) -> np.ndarray:
        """Right, down and forward (3, 3), one a row: the camera's optical frame."""
        forward = np.subtract(self.target, self.eye) / np.linalg.norm(np.subtract(self.target, self.eye))
        along_z = np.hypot(forward[0], forward[1]) < 1e-9
        right = np.cross(forward, (0.0, 1.0, 0.0) if along_z else (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])


@njit(cache=True)
def _shade(normal):
    """How bright a face is."""
    towards = normal @ LIGHT
    mirrored = 2.0 * towards * normal[2] - LIGHT[2]
    return AMBIENT + DIFFUSE * max(towards, 0.0) + SPECULAR * max(mirrored, 0.0) ** 2


@njit(cache=True)
def _window(eye, axes, focal, near, size, half, position, rotation):
    """The rows and columns that a box can cover: first and last row, first and last column."""
    centre, edges = axes @ (position - eye), axes @ rotation
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    for corner in range(8):
        x, y, z = centre
        for axis in range(3):
            reach = half[axis] if corner >> axis & 1 else -half[axis]
            x, y, z = x + reach * edges[0, axis], y + reach * edges[1, axis], z + reach * edges[2, axis]
        if z < 0.5 * near:
            return 0, size, 0, size
        across, down = size / 2.0 + focal * x / z, size / 2.0 + focal * y / z
        left, right, top, bottom = min(left, across), max(right, across), min(top, down), max(bottom, down)
    return max(int(top) - 1, 0), min(int(bottom) + 1, size), max(int(left), 0), min(int(right) + 2, size)


@njit(cache=True)
def _draw(eye, axes, focal, near, half, position, rotation, colour, picture, depth):
    """Draws a box where it is nearer than what was drawn before."""
    size = len(picture)
    top, bottom, left, right = _window(eye, axes, focal, near, size, half, position, rotation)
    origin, turned = rotation.T @ (eye - position), rotation.T @ axes.T
    shades = np.empty((6, 3), np.uint8)
    for face in range(6):
        shade = _shade(rotation[:, face // 2] * (1.0 if face % 2 else -1.0))
        for channel in range(3):
            shades[face, channel] = int(shade * int(colour[channel] * 255.0))
    for row in range(top, bottom):
        # The sample lies in a pixel's corner, as TinyRenderer's does.
        down = (row + 1.0 - size / 2.0) / focal
        for column in range(left, right):
            across = (column - size / 2.0) / focal
            enter, leave, face = -np.inf, np.inf, -1
            for axis in range(3):
                way = across * turned[axis, 0] + down * turned[axis, 1] + turned[axis, 2]
                if way == 0.0:
                    if abs(origin[axis]) > half[axis]:
                        leave = -np.inf
                    continue
                side = -1.0 if way > 0.0 else 1.0
                first = (side * half[axis] - origin[axis]) / way
                last = (-side * half[axis] - origin[axis]) / way
                if first > enter:
                    enter, face = first, 2 * axis + (1 if side > 0.0 else 0)
                leave = min(leave, last)
            if near <= enter <= leave and enter < depth[row, column]:
                depth[row, column] = enter
                for channel in range(3):
                    picture[row, column, channel] = shades[face, channel]


@njit(cache=True)
def _draw_all(eyes, axes, focal, near, halves, colours, poses, backgrounds, depths, pictures):
    for camera in range(len(pictures)):
        pictures[camera] = backgrounds[camera]
        depth = depths[camera].copy()
        for body in range(len(halves)):
            rotation = rotation_of(poses[body, 3:])
            _draw(
                eyes[camera], axes[camera], focal, near, halves[body], poses[body, :3], rotation, colours[body],
                pictures[camera], depth,
            )  # fmt: skip


class Renderer:
    """Pictures of moving boxes before boxes that stand still.

    Args:
        cameras: alike but for where they are and look. still: boxes at the origin, moving: boxes whose poses are told.

    Attributes:
        shape: of what is drawn, (cameras, size, size, 3).
    """

    def __init__(self, cameras: tuple[Camera, ...], still: tuple[Box, ...], moving: tuple[Box, ...]) -> None:
        self.cameras, size = cameras, cameras[0].size
        self.shape = (len(cameras), size, size, 3)
        self._eyes = np.array([camera.eye for camera in cameras])
        self._axes = np.array([camera.axes() for camera in cameras])
        self._lens = cameras[0].focal, cameras[0].near
        nothing, at_origin = np.full(self.shape[:3], np.inf), np.tile([0, 0, 0, 0, 0, 0, 1.0], (len(still), 1))
        self._backgrounds = np.full(self.shape, BACKGROUND, np.uint8)
        self._depths = nothing.copy()
        for camera in range(len(cameras)):
            for box, pose in zip(still, at_origin, strict=True):
                _draw(
                    self._eyes[camera], self._axes[camera], *self._lens, np.array(box.size) / 2.0, pose[:3],
                    rotation_of(pose[3:]), np.array(box.colour), self._backgrounds[camera], self._depths[camera],
                )  # fmt: skip
        self._halves = np.array([box.size for box in moving]) / 2.0
        self._colours = np.array([box.colour for box in moving])

    def draw(self, poses: np.ndarray, pictures: np.ndarray) -> None:
        """Draws the moving boxes at poses (boxes, 7), x y z, m, and the quaternion x y z w, into pictures of `shape`,
        uint8, rows from the top."""
        _draw_all(
            self._eyes, self._axes, *self._lens, self._halves, self._colours, poses, self._backgrounds, self._depths,
            pictures,
        )  # fmt: skip
