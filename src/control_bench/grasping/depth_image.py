"""A depth picture made ready to plan by: holes filled in, the table found, and what stands on it.

A plane seen by a pinhole camera has 1 / z linear in column and row, so the table is found as three numbers.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from control_bench.grasping.camera import Camera, Intrinsics

STANDS_OUT = 0.008
"""m above the table from which on something stands on it."""
FLAT = 0.006
"""m: how far off the table's plane its pixels may be."""
HYPOTHESES = 100
POINTS = 2000
"""Pixels that planes are judged by."""
SPECK = 9
"""Pixels of a picture of half the size: what is smaller is noise."""


def fill_holes(depth: np.ndarray) -> np.ndarray:
    """A depth picture (height, width), m, where every 0 has the depth of the nearest pixel that has one."""
    holes = depth <= 0.0
    if not holes.any() or holes.all():
        return depth
    rows, columns = ndimage.distance_transform_edt(holes, return_distances=False, return_indices=True)
    return depth[rows, columns]


@dataclass(frozen=True)
class Table:
    """slope (2,) and level: 1 / z of the table is level + slope . pixel; of a camera with these intrinsics."""

    slope: np.ndarray
    level: float
    intrinsics: Intrinsics

    def depth(self, pixels: np.ndarray) -> np.ndarray:
        """Of the table at pixels (..., 2), m."""
        return 1.0 / np.maximum(self.level + np.asarray(pixels) @ self.slope, 1e-6)

    @cached_property
    def picture(self) -> np.ndarray:
        """Its depth (height, width), m."""
        i = self.intrinsics
        columns, rows = np.arange(i.width) * self.slope[0], np.arange(i.height) * self.slope[1]
        return 1.0 / np.maximum(self.level + columns[None] + rows[:, None], 1e-6)

    @cached_property
    def _plane(self) -> np.ndarray:
        """(3,): its points p in the optical frame have plane . p = 1."""
        i = self.intrinsics
        return np.array([self.slope[0] * i.fx, self.slope[1] * i.fy, self.level + self.slope @ (i.cx, i.cy)])

    @property
    def normal(self) -> np.ndarray:
        """Unit vector (3,) out of the table, in the camera's optical frame."""
        return -self._plane / np.linalg.norm(self._plane)

    @property
    def steepness(self) -> float:
        """How much of a difference in depth is one in height, about: a camera that looks at an angle sees heights
        larger, and one that looks along the table tells nothing of them."""
        return max(math.fabs(self.normal[2]), 0.1)

    @property
    def away(self) -> float:
        """m, from the camera's centre to the plane."""
        return float(1.0 / np.linalg.norm(self._plane))

    @classmethod
    def below(cls, camera: Camera) -> "Table":
        """Of a camera whose place over it is known."""
        i, n = camera.intrinsics, camera.view.axes[:, 2]
        slope = -np.array([n[0] / i.fx, n[1] / i.fy]) / camera.view.eye[2]
        return cls(slope, float(-n[2] / camera.view.eye[2] - slope @ (i.cx, i.cy)), i)


def find_table(depth: np.ndarray, intrinsics: Intrinsics) -> Table | None:
    """The plane that most of a picture without holes shows; None where no plane is there for a tenth of it.

    Planes through three pixels are tried, always the same ones (RANSAC, Fischler and Bolles 1981), and the best is
    fitted to all that lies on it.
    """
    rng = np.random.default_rng(0)
    rows, columns = (rng.integers(edge, size=POINTS) for edge in depth.shape)
    there = depth[rows, columns] > 0.0
    ones, pixels = np.ones(there.sum()), np.stack([columns, rows], axis=1)[there].astype(float)
    if len(ones) < POINTS / 10:
        return None
    z = depth[rows, columns][there].astype(float)
    sides = np.column_stack([pixels, ones])
    trios = rng.integers(len(z), size=(HYPOTHESES, 3))
    corners = sides[trios]
    sound = np.abs(np.linalg.det(corners)) > 1.0
    planes = np.linalg.solve(corners[sound], (1.0 / z)[trios[sound]][..., None])[..., 0]
    if not len(planes):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(1.0 / (sides @ planes.T) - z[:, None])
    plane = planes[(off < FLAT).sum(axis=0).argmax()]
    for _ in range(3):
        with np.errstate(divide="ignore", invalid="ignore"):
            on = np.abs(1.0 / (sides @ plane) - z) < FLAT
        if on.sum() < POINTS / 10:
            return None
        plane = np.linalg.lstsq(sides[on], 1.0 / z[on], rcond=None)[0]
    return Table(plane[:2], float(plane[2]), intrinsics)


@dataclass(frozen=True)
class DepthImage:
    """depth (height, width), m, without holes; intrinsics: of its camera. table: None where none is seen.

    mask: bool (height, width), where grasps may be: what stands on the table, or as somebody told.
    missing: the share of the mask, or of the picture, that was holes.
    """

    depth: np.ndarray
    intrinsics: Intrinsics
    table: Table | None
    mask: np.ndarray
    missing: float

    @classmethod
    def of(
        cls, depth: np.ndarray, intrinsics: Intrinsics, mask: np.ndarray | None = None, table: Table | None = None
    ) -> "DepthImage":
        """Of a depth picture (height, width), m, 0 where nothing was seen.

        Args:
            mask: bool (height, width), where grasps may be. table: where it is known to be; else it is looked for.
        """
        holes, filled = depth <= 0.0, fill_holes(np.asarray(depth, dtype=np.float32))
        table = find_table(depth, intrinsics) if table is None else table
        mask = standing(filled, table) if mask is None else mask
        missing = float(holes[mask].mean() if mask.any() else holes.mean())
        return cls(filled, intrinsics, table, mask, missing)

    def within(self, where: np.ndarray) -> "DepthImage":
        """The same with grasps only where this is true, bool (height, width)."""
        return replace(self, mask=self.mask & where)


def standing(depth: np.ndarray, table: Table | None) -> np.ndarray:
    """Where a picture shows what stands on the table, bool (height, width); everywhere where no table is known.

    It is found on means of two by two pixels, as noise and single pixels are no objects.
    """
    if table is None:
        return np.ones(depth.shape, dtype=bool)
    height, width = (edge // 2 * 2 for edge in depth.shape)
    above = (table.picture - depth)[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    small = ndimage.binary_opening(ndimage.gaussian_filter(above, 1.0) * table.steepness > STANDS_OUT, iterations=1)
    names, count = ndimage.label(small)
    if count:
        small &= (np.bincount(names.ravel()) >= SPECK)[names]
    mask = np.zeros(depth.shape, dtype=bool)
    mask[:height, :width] = np.kron(small, np.ones((2, 2), dtype=bool))
    return mask
