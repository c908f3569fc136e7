"""balance's rules: when a pole has fallen or left the field, and what a step earns.

Source: matpalm's cartpole++ (2016).
"""

import math

import numpy as np
from numba import njit

from control_bench.worlds.boxes import tilt_of

LEAN = 0.3
"""rad: of the pole's roll and pitch."""
OUTCOMES = ("", "out of bounds", "fallen", "balanced")
Memory = np.dtype([("length", np.int64), ("outcome", np.int64), ("lean", np.float64), ("distance", np.float64)])
"""Of an episode: its steps, its end by its place in OUTCOMES, and the largest lean, rad, and distance, m."""


@njit(cache=True)
def judge_step(
    poses, pushed, force, first, longest, field, angle, action, effort, forgiving, memory, reward, failed, over
):  # fmt: skip
    """Adds a step to every row's memory; what it earned, whether it failed, whether the time is up."""
    for row in range(len(poses)):
        place, about = poses[row, -1, 1, :2], memory[row]
        roll, pitch = tilt_of(poses[row, -1, 1, 3:])
        if first[row]:
            about.length, about.outcome, about.lean, about.distance = 0, 0, 0.0, 0.0
            continue
        lean, distance = max(abs(roll), abs(pitch)), max(abs(place[0]), abs(place[1]))
        about.length += 1
        about.lean, about.distance = max(about.lean, lean), max(about.distance, distance)
        failed[row] = distance > field or lean > LEAN
        over[row] = not failed[row] and about.length >= longest
        about.outcome = (1 if distance > field else 2) if failed[row] else 3 if over[row] else 0
        if failed[row] and not forgiving:
            continue
        x, y = pushed[row, 0] / force, pushed[row, 1] / force
        reward[row] = 1.0
        if angle:
            reward[row] += max(0.0, 2.0 * LEAN - abs(roll) - abs(pitch))
        if action:
            reward[row] += 0.5 - math.sqrt(x * x + y * y)
        if effort:
            reward[row] += 4.0 * (1.0 - (abs(x) + abs(y)) / 2.0)
