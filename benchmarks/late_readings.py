#!/usr/bin/env python3
"""What the furthest-sonar rule earns when each sonar may be read a tick late, as in the real STDR (docs/stdr.md).

Prints the mean reward of 400 episodes for several chances of a late reading, and its ratio to that of none.
"""

import argparse

import numpy as np

from control_bench.registry import make_task
from control_bench.tasks.sonar_encoders import centimetres


def mean_reward(chance: float, episodes: int, seed: int) -> float:
    """The rule's mean reward where each reading is of the tick before with this chance."""
    rng = np.random.default_rng(seed)
    task = make_task("drivebot", rows=episodes)
    world = task.make_world()
    starts = np.array([task.start(rng) for _ in range(episodes)])
    world.reset(np.arange(episodes), starts, [rng] * episodes)
    low = np.array([sonar.min_range for sonar in world.robot.sonars])
    high = np.array([sonar.max_range for sonar in world.robot.sonars])
    first, alive, total = np.ones(episodes, bool), np.ones(episodes, bool), np.zeros(episodes)
    readings = world.read()
    task.judge(readings, first)
    sonar = readings["sonar"]
    while alive.any():
        command = task.command(centimetres(sonar, low, high).argmax(axis=1))
        world.velocity[:] = command
        world.advance(alive)
        late = world.read()["sonar"]
        world.advance(alive)
        readings = world.read()
        judgement = task.judge(readings, ~first)
        total += np.where(alive, judgement.reward, 0.0)
        alive &= ~judgement.ended
        sonar = np.where(rng.random(late.shape) < chance, late, readings["sonar"])
    return float(total.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    none = None
    for chance in (0.0, 0.1, 0.3, 0.5):
        mean = mean_reward(chance, arguments.episodes, arguments.seed)
        none = none or mean
        print(f"chance of a late reading {chance:.1f}: mean reward {mean:6.1f}, {mean / none:.2f} of none late")


if __name__ == "__main__":
    main()
