"""The compiled part of the 2-D world: STDR's rays, motion and collision.

All in one file, since numba's cache of compiled code notices changes of the file a function stands in, and of no other.

**Rays** are exact, sample by sample, but for the samples that cannot hit. A ray visits the points 1, 2, 3, ... cells
from the sensor, up to its range; the cell of a point is its coordinates cut off towards zero, and the first occupied
one is the hit. Points off the map hit nothing. (STDR 0.3.2; it wraps round the map's sides and ends rays early at top
and bottom instead, see docs/stdr.md.) A sonar wants the nearest hit of a whole cone, so the cone is followed as one
bundle of rays for as long as the clearance at its middle covers all of it, and is halved where it does not.

**Motion**: `ideal` integrates the arc exactly, `omni` takes an Euler step with the heading it had. **Collision**: on
every tick the footprint's outline, with the 8 neighbours of each of its cells, is tested at every cell from two beyond
the old one to one past the new one (at the robot's own cell where it has not left it); if any is occupied, x, y and
heading all go back. This stops a disc where STDR was measured to stop it. The edge of the map stops a robot as a wall
does (STDR reads beyond its array there).
"""

import math

import numba
import numpy as np

TICK = 0.1
"""STDR moves a robot, and tests for collision, every tenth of a second."""
FINE = 2
"""The clearance table has so many places across a cell, see clearance.py."""
UNITS = 4.0
"""Its values count quarters of a cell, ..."""
WALL = 0
"""... and are this where the map is occupied."""
NO_HIT = 1 << 30
BUNDLE = 3
"""Bundles of so few rays are not worth following together."""
SAFE = 1e-6
"""Cells by which bounds are kept on the safe side of rounding."""
CLOSE = 1e-9
"""A coordinate this close to the edge of a cell, in cells, is computed again from the ray's exact sine and cosine."""


@numba.njit(cache=True, inline="always", error_model="numpy")
def _at(clear, px, py):
    """The table's value at a point, or -1 off the map; cells are cut off towards zero, so (-1, 0) belongs to cell 0."""
    row, column = int(py * FINE), int(px * FINE)
    if px > -1.0 and py > -1.0:
        row, column = max(row, 0), max(column, 0)
        if row < clear.shape[0] and column < clear.shape[1]:
            return int(clear[np.uint64(row), np.uint64(column)])
    return -1


@numba.njit(cache=True, inline="always", error_model="numpy")
def _turn(cos_axis, sin_axis, cos, sin):
    """Cosine and sine of a sum of angles."""
    return cos_axis * cos - sin_axis * sin, sin_axis * cos + cos_axis * sin


@numba.njit(cache=True, error_model="numpy")
def ray(clear, x, y, angle, cos, sin, start, stop):
    """The first d in start..stop whose sample hits, or NO_HIT.

    Args:
        clear: uint8 table, see clearance.py.
        x, y: the sensor, in cells. angle: of the ray in the map's frame, rad.
        cos, sin: of the angle, to within 1e-12; where their rounding could matter they are computed exactly.
        start, stop: samples, in cells.
    """
    d = start
    while d <= stop:
        px, py = x + d * cos, y + d * sin
        across, up = px - math.floor(px), py - math.floor(py)
        if min(across, up) < CLOSE or max(across, up) > 1.0 - CLOSE:
            px, py = x + d * math.cos(angle), y + d * math.sin(angle)
        free = _at(clear, px, py)
        if free == WALL:
            return d
        if free > WALL:
            d += max(1, int((free - 1) / UNITS - SAFE) + 1)
            continue
        height, width = clear.shape[0] // FINE, clear.shape[1] // FINE
        if (px <= -1.0 and cos <= 0) or (px >= width and cos >= 0):
            return NO_HIT
        if (py <= -1.0 and sin <= 0) or (py >= height and sin >= 0):
            return NO_HIT
        d += 1
    return NO_HIT


@numba.njit(cache=True, error_model="numpy")
def _follow(clear, x, y, cos, sin, cos_half, d, best):
    """Follows a bundle from sample d along its middle; returns the first sample that may hit, or best.

    cos_half: of the angle between the middle and the outermost ray.
    """
    square_sin_half = max(0.0, 1.0 - cos_half * cos_half)
    while d < best and cos_half > 0.0:
        # A sample s cells out and at most `half` off the middle lies within the clearance of the middle's sample d
        # as long as s² + d² - 2 s d cos(half) < clear².
        radius = (_at(clear, x + d * cos, y + d * sin) - 1) / UNITS - SAFE
        spare = radius * radius - d * d * square_sin_half
        if radius <= 0.0 or spare < 0.0:
            break
        covered = int(d * cos_half + math.sqrt(spare))
        if covered < d:
            break
        d = covered + 1
    return d


@numba.njit(cache=True, error_model="numpy")
def cone(clear, x, y, axis, offsets, cosines, sines, reach, stack):
    """The smallest hit of a bundle of rays, in cells, or NO_HIT: what `min(ray(...) for each ray)` gives.

    Args:
        clear: uint8 table, see clearance.py.
        x, y: the sensor, in cells; axis: heading of the cone, rad.
        offsets, cosines, sines: the rays' angles off the axis (rays,) at equal steps, their cosines and sines.
        reach: the last sample, in cells.
        stack: int64 scratch (at least 2 log2(rays) + 2, 3).
    """
    cos_axis, sin_axis = math.cos(axis), math.sin(axis)
    best = reach + 1
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, offsets.shape[0], 1
    depth = 1
    while depth > 0:
        depth -= 1
        low, high, d = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if d >= best:
            continue
        if high - low <= BUNDLE:
            for i in range(low, high):
                cos, sin = _turn(cos_axis, sin_axis, cosines[i], sines[i])
                best = min(best, ray(clear, x, y, axis + offsets[i], cos, sin, d, best - 1))
            continue
        # The outermost ray is `low`, as the middle is rounded up; its angle off the middle is so many equal steps.
        middle = (low + high) // 2
        cos, sin = _turn(cos_axis, sin_axis, cosines[middle], sines[middle])
        cos_half = -1.0  # a bundle as wide as a half turn is not followed
        if offsets[middle] - offsets[low] < 1.5:
            cos_half = cosines[middle - low] * cosines[0] + sines[middle - low] * sines[0]
        d = _follow(clear, x, y, cos, sin, cos_half, d, best)
        if d < best:
            # The half with less room goes first (on top): it is likelier to hold the nearest hit, which cuts the rest
            # short.
            one, other = (low + middle) // 2, (middle + high) // 2
            cos, sin = _turn(cos_axis, sin_axis, cosines[one], sines[one])
            room = _at(clear, x + d * cos, y + d * sin)
            cos, sin = _turn(cos_axis, sin_axis, cosines[other], sines[other])
            top = depth + 1 if room < _at(clear, x + d * cos, y + d * sin) else depth
            stack[top, 0], stack[top, 1], stack[top, 2] = low, middle, d
            under = 2 * depth + 1 - top
            stack[under, 0], stack[under, 1], stack[under, 2] = middle, high, d
            depth += 2
    return best if best <= reach else NO_HIT


@numba.njit(cache=True, error_model="numpy")
def outline_cells(points, closed, theta, resolution, cells):
    """Fills `cells` with the outline's cells relative to the robot's; returns how many there are.

    Args:
        points: outline in the robot's frame, m (points, 2).
        closed: whether lines join the points (a polygon), or they stand alone (a ring).
        theta: heading, rad. resolution: m a cell.
        cells: int64 scratch (capacity, 2), x then y.
    """
    cos, sin = math.cos(theta), math.sin(theta)
    count = 0
    number = points.shape[0]
    for i in range(number):
        column = int((points[i, 0] * cos - points[i, 1] * sin) / resolution)
        row = int((points[i, 0] * sin + points[i, 1] * cos) / resolution)
        if not closed:
            if count == 0 or cells[count - 1, 0] != column or cells[count - 1, 1] != row:
                cells[count, 0], cells[count, 1] = column, row
                count += 1
            continue
        j = (i + 1) % number
        to_column = int((points[j, 0] * cos - points[j, 1] * sin) / resolution)
        to_row = int((points[j, 0] * sin + points[j, 1] * cos) / resolution)
        steps = max(abs(to_column - column), abs(to_row - row), 1)
        for k in range(steps):
            cells[count, 0] = column + int(round(k * (to_column - column) / steps))
            cells[count, 1] = row + int(round(k * (to_row - row) / steps))
            count += 1
    return count


@numba.njit(cache=True, error_model="numpy")
def touches(clear, column, row, cells, count, reach, margin):
    """Whether an outline around a cell meets a wall or the map's edge.

    Args:
        cells, count: outline relative to the cell, see `outline_cells`.
        reach: the farthest of them, in cells, rounded up: where the clearance is more, nothing need be tested.
        margin: how many neighbours of each cell count: 1 for motion, 0 for placing.
    """
    height, width = clear.shape[0] // FINE, clear.shape[1] // FINE
    if not (0 <= column < width and 0 <= row < height):
        return True
    if clear[FINE * row, FINE * column] > UNITS * (reach + 3):
        return False
    for i in range(count):
        for r in range(row + cells[i, 1] - margin, row + cells[i, 1] + margin + 1):
            for c in range(column + cells[i, 0] - margin, column + cells[i, 0] + margin + 1):
                if not (0 <= c < width and 0 <= r < height) or clear[FINE * r, FINE * c] == WALL:
                    return True
    return False


@numba.njit(cache=True, error_model="numpy")
def blocked(clear, resolution, old_x, old_y, new_x, new_y, cells, count, reach):
    """Whether the way from one position to another (m) is closed to an outline."""
    old_column, old_row = int(old_x / resolution), int(old_y / resolution)
    column, row = math.floor(new_x / resolution), math.floor(new_y / resolution)
    across, up = column - old_column, row - old_row
    length = math.sqrt(across * across + up * up)
    if length == 0.0:
        return touches(clear, column, row, cells, count, reach, 1)
    d = 1
    while d < length + 1.0 or d == 1:
        d += 1
        c = old_column + int(round(d * across / length))
        r = old_row + int(round(d * up / length))
        if touches(clear, c, r, cells, count, reach, 1):
            return True
    return False


@numba.njit(cache=True, error_model="numpy")
def integrate(x, y, theta, velocity, omni, duration):
    """The pose after `duration` seconds at velocity (ux, uy, w), m/s and rad/s."""
    ux, uy, w = velocity[0], velocity[1], velocity[2]
    if omni:
        cos, sin = math.cos(theta), math.sin(theta)
        return x + (ux * cos - uy * sin) * duration, y + (ux * sin + uy * cos) * duration, theta + w * duration
    # The arc's chord points half a turn on; written so, it stays exact however slowly the robot turns.
    half = 0.5 * w * duration
    chord = ux * duration * (math.sin(half) / half if half != 0.0 else 1.0)
    return x + chord * math.cos(theta + half), y + chord * math.sin(theta + half), theta + w * duration


@numba.njit(cache=True, error_model="numpy")
def advance(clear, resolution, pose, velocity, active, ticks, duration, omni, points, closed, cells, count, reach):
    """Moves the active rows for some ticks of `duration` seconds at their velocities, each stopped where its outline
    meets a wall.

    pose, velocity: (rows, 3); active: bool (rows,); points, closed, cells, count, reach: see `outline_cells`,
    `touches`.
    """
    for row in range(pose.shape[0]):
        if not active[row]:
            continue
        for _ in range(ticks):
            x, y, theta = integrate(pose[row, 0], pose[row, 1], pose[row, 2], velocity[row], omni, duration)
            if closed:  # a ring looks the same at every heading, a polygon does not
                count = outline_cells(points, closed, theta, resolution, cells)
            if not blocked(clear, resolution, pose[row, 0], pose[row, 1], x, y, cells, count, reach):
                pose[row, 0], pose[row, 1], pose[row, 2] = x, y, theta


@numba.njit(cache=True, error_model="numpy")
def sense_sonars(clear, resolution, pose, mounts, limits, rays, angles, cosines, sines, stack, ranges):
    """Fills ranges (rows, sonars), m, ±inf. mounts (sonars, 3): poses on the robot; limits (sonars, 2): ranges, m;

    rays (sonars,): how many each has, of angles, cosines and sines (sonars, most rays); stack: scratch, see `cone`.
    """
    for row in range(pose.shape[0]):
        cos, sin = math.cos(pose[row, 2]), math.sin(pose[row, 2])
        for sonar in range(mounts.shape[0]):
            x = (pose[row, 0] + mounts[sonar, 0] * cos - mounts[sonar, 1] * sin) / resolution
            y = (pose[row, 1] + mounts[sonar, 0] * sin + mounts[sonar, 1] * cos) / resolution
            n = rays[sonar]
            low, high = limits[sonar, 0], limits[sonar, 1]
            hit = cone(
                clear, x, y, pose[row, 2] + mounts[sonar, 2],
                angles[sonar, :n], cosines[sonar, :n], sines[sonar, :n], int(high / resolution), stack,
            )  # fmt: skip
            distance = hit * resolution
            ranges[row, sonar] = (
                np.inf if hit == NO_HIT or distance >= high else -np.inf if distance < low else distance
            )


@numba.njit(cache=True, error_model="numpy")
def sense_laser(clear, resolution, pose, mount, low, high, angles, ranges):
    """Fills ranges (rows, rays), m, ±inf, of one laser at `mount` (3,), its rays at `angles` off its axis."""
    for row in range(pose.shape[0]):
        cos, sin = math.cos(pose[row, 2]), math.sin(pose[row, 2])
        x = (pose[row, 0] + mount[0] * cos - mount[1] * sin) / resolution
        y = (pose[row, 1] + mount[0] * sin + mount[1] * cos) / resolution
        for i in range(angles.shape[0]):
            angle = pose[row, 2] + mount[2] + angles[i]
            hit = ray(clear, x, y, angle, math.cos(angle), math.sin(angle), 1, int(high / resolution))
            distance = hit * resolution
            ranges[row, i] = np.inf if hit == NO_HIT or distance > high else -np.inf if distance < low else distance
