"""Whether an open gripper can come down over an object without touching it."""

import numpy as np
from numba import njit

from control_bench.grasping.grasps import Grasps
from control_bench.grasping.gripper import Gripper

CORNERS = 3 + 5
"""A triangle cut by five planes has no more."""


@njit(cache=True)
def _cut(polygon, count, axis, limit, sign, out):
    """The part of a convex polygon where sign * (x[axis] - limit) > 0; how many corners it has."""
    kept = 0
    for i in range(count):
        j = (i + 1) % count
        here, there = sign * (polygon[i, axis] - limit), sign * (polygon[j, axis] - limit)
        if here > 0.0:
            out[kept] = polygon[i]
            kept += 1
        if (here > 0.0) != (there > 0.0):
            share = here / (here - there)
            for k in range(3):
                out[kept, k] = polygon[i, k] + share * (polygon[j, k] - polygon[i, k])
            kept += 1
    return kept


@njit(cache=True)
def _meets(triangle, low, high, bottom, one, other):
    """Whether a triangle reaches into a shaft: low to high along x and y, from the bottom up without end."""
    for axis in range(2):
        if max(triangle[0, axis], triangle[1, axis], triangle[2, axis]) <= low[axis]:
            return False
        if min(triangle[0, axis], triangle[1, axis], triangle[2, axis]) >= high[axis]:
            return False
    if max(triangle[0, 2], triangle[1, 2], triangle[2, 2]) <= bottom:
        return False
    one[:3] = triangle
    count = _cut(one, 3, 2, bottom, 1.0, other)
    count = _cut(other, count, 0, low[0], 1.0, one)
    count = _cut(one, count, 0, high[0], -1.0, other)
    count = _cut(other, count, 1, low[1], 1.0, one)
    return _cut(one, count, 1, high[1], -1.0, other) > 0


@njit(cache=True)
def _touches(triangles, bounds, x, y, cos, sin, low, high, bottom, turned, one, other):
    """Whether any triangle reaches into a shaft that stands at x, y and is turned."""
    across, along = (low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0
    middle_x, middle_y = x + cos * across - sin * along, y + sin * across + cos * along
    radius = np.hypot(high[0] - low[0], high[1] - low[1]) / 2.0
    for face in range(len(triangles)):
        if bounds[face, 4] <= bottom or bounds[face, 0] > middle_x + radius or bounds[face, 2] < middle_x - radius:
            continue
        if bounds[face, 1] > middle_y + radius or bounds[face, 3] < middle_y - radius:
            continue
        for corner in range(3):
            right, ahead = triangles[face, corner, 0] - x, triangles[face, corner, 1] - y
            turned[corner, 0] = cos * right + sin * ahead
            turned[corner, 1] = cos * ahead - sin * right
            turned[corner, 2] = triangles[face, corner, 2]
        if _meets(turned, low, high, bottom, one, other):
            return True
    return False


@njit(cache=True)
def _free(triangles, bounds, centres, angles, lows, highs, bottoms, free):
    one, other, turned = np.empty((CORNERS, 3)), np.empty((CORNERS, 3)), np.empty((3, 3))
    for grasp in range(len(angles)):
        cos, sin = np.cos(angles[grasp]), np.sin(angles[grasp])
        x, y, z = centres[grasp, 0], centres[grasp, 1], centres[grasp, 2]
        for box in range(len(bottoms)):
            bottom = z + bottoms[box]
            if _touches(triangles, bounds, x, y, cos, sin, lows[box], highs[box], bottom, turned, one, other):
                free[grasp] = False
                break


def collision_free(triangles: np.ndarray, grasps: Grasps, gripper: Gripper, margin: float) -> np.ndarray:
    """Whether the gripper, open, comes straight down to each of the grasps (n,) without touching; bool (n,).

    Args:
        triangles: (f, 3, 3), m, of all that stands on the table, in the grasps' frame.
        margin: that the fingers keep to either side, m.
    """
    boxes = gripper.boxes()
    lows, highs = boxes[:, 0, :2].copy(), boxes[:, 1, :2].copy()
    lows[:2] -= margin
    highs[:2] += margin
    free = np.ones(len(grasps), dtype=np.bool_)
    # The grasp's z points down: a box's lowest point is where its own z is largest.
    bottoms = -boxes[:, 1, 2]
    # Of each triangle the least x and y, the largest x, y and z: most are nowhere near.
    bounds = np.concatenate([triangles.min(axis=1)[:, :2], triangles.max(axis=1)], axis=1)
    _free(np.ascontiguousarray(triangles), bounds, grasps.centres, grasps.angles, lows, highs, bottoms, free)
    return free
