"""What drivebot's steps earn, by any of its three rewards, and when its episodes are over; compiled.

All in one file, since numba's cache of compiled code notices changes of the file a function stands in, and of no other.
Source: drivebot (matpalm's blog, 2016): `any_movement` is the reward of the article's runs.
"""

import math

import numba
import numpy as np

REWARDS = ("any_movement", "forward", "coarse_grid")
ANY_MOVEMENT, FORWARD_ONLY, COARSE_GRID = range(3)
CLOCKWISE = (22, 23, 24, 19, 14, 9, 4, 3, 2, 7, 12, 11, 10, 15, 20, 21)
"""The 2 m cells of the article's track, x + 5 y, in the order of driving round it."""
ROUND = len(CLOCKWISE)
PLACES = np.array([CLOCKWISE.index(cell) if cell in CLOCKWISE else -1 for cell in range(25)])
MOVED = 1e-6
"""A position that changed by this much, |dx| + |dy| in metres, has moved."""

Memory = np.dtype([
    ("steps", np.int64), ("idle", np.int64), ("last_reward", float), ("x", float), ("y", float),
    ("distance", float), ("blocked", np.int64), ("place", np.int64), ("gained", np.int64),
])  # fmt: skip
"""What is remembered of an episode: its steps; how many running were idle; the last reward and position, m; and for the
scores the way driven, m, the steps forward that did not move, and the place in the round and the places gained."""


@numba.njit(cache=True)
def any_movement(moved: bool, forward: bool) -> float:
    """+1 where the robot moved, whatever it was told; -1 where it was told to go forward and did not; else 0."""
    return 1.0 if moved else (-1.0 if forward else 0.0)


@numba.njit(cache=True)
def forward_only(moved: bool, forward: bool) -> float:
    """+1 or -1 for a step forward that did or did not move the robot; 0 for any other."""
    return (1.0 if moved else -1.0) if forward else 0.0


@numba.njit(cache=True)
def place_of(x: float, y: float) -> int:
    """The place of a point, m, in the round of the article's track, 0 to 15; -1 off it."""
    column, row = math.floor(x / 2.0), math.floor(y / 2.0)
    on_map = 0 <= column < 5 and 0 <= row < 5
    return PLACES[column + 5 * row] if on_map else -1


@numba.njit(cache=True)
def gain(before: int, now: int) -> int:
    """+1 for the next place in the round, -1 for the one before; 0 for a jump, which is counted from anew."""
    change = (now - before) % ROUND if before >= 0 and now >= 0 else 0
    return 1 if change == 1 else (-1 if change == ROUND - 1 else 0)


@numba.njit(cache=True)
def coarse_grid(before: int, now: int, moved: bool) -> float:
    """+2 for the next place in the round, -2 for the one before, -1 for standing still on it."""
    still = before >= 0 and now == before and not moved
    return 2.0 * gain(before, now) - (1.0 if still else 0.0)


@numba.njit(cache=True)
def judge(reward, full_step, pose, forward, first, memory, earned):
    """Judges a step of every row: fills `earned` (rows,) and brings `memory` (rows,) of `Memory` up to date.

    reward: the number of one of REWARDS. full_step: metres that earn a whole +1, 0 where any do. pose (rows, 3), m and
    rad; forward (rows,): it was to go forward; first (rows,): the pose begins an episode.
    """
    for i in range(len(memory)):
        m, x, y = memory[i], pose[i, 0], pose[i, 1]
        place = place_of(x, y)
        earned[i] = 0.0
        if first[i]:
            m.steps, m.idle, m.distance, m.blocked, m.gained, m.last_reward = 0, 0, 0.0, 0, 0, 0.0
        else:
            dx, dy = x - m.x, y - m.y
            covered = math.sqrt(dx * dx + dy * dy)
            moved, ahead = abs(dx) + abs(dy) >= MOVED, forward[i]
            if m.steps > 0:  # the first step has nothing to compare its position with
                if reward == COARSE_GRID:
                    earned[i] = coarse_grid(m.place, place, moved)
                else:
                    earned[i] = any_movement(moved, ahead) if reward == ANY_MOVEMENT else forward_only(moved, ahead)
                    if full_step > 0.0 and earned[i] > 0.0:
                        earned[i] = min(covered / full_step, 1.0)
                idle = earned[i] <= 0.0 and m.last_reward <= 0.0
                m.idle = m.idle + 1 if idle else 0
            m.steps += 1
            m.distance += covered
            m.blocked += ahead and not moved
            m.gained += gain(m.place, place)
            m.last_reward = earned[i]
        m.x, m.y, m.place = x, y, place
