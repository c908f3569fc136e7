#!/usr/bin/env python3
"""Drivebot events a second on one core, beside a plain statement of the same rules in Python, in the same run.

An event is two 0.1 s ticks of motion with their collision test and three 50-ray sonars, on the 500 x 500 map.
Processor time counts, as other work may share the core.
"""

import argparse
import math
import time

import numpy as np

from control_bench.env import TaskVectorEnv
from control_bench.registry import make_task
from control_bench.worlds.geometry import sonar_angles


def world_events(rows: int, seconds: float) -> float:
    """Events a second of the compiled world alone, the best of several spells."""
    rng = np.random.default_rng(0)
    task = make_task("drivebot", rows=rows)
    world = task.make_world()
    world.reset(np.arange(rows), np.array([task.start(rng) for _ in range(rows)]), [rng] * rows)
    commands = [task.command(rng.choice(3, rows, p=(0.6, 0.2, 0.2))) for _ in range(50)]
    world.step(commands[0]), world.read()
    best, end = 0.0, time.process_time() + seconds
    while time.process_time() < end:
        started = time.process_time()
        for command in commands:
            world.step(command)
            world.read()
        best = max(best, rows * len(commands) / (time.process_time() - started))
    return best


def env_steps(rows: int, seconds: float) -> float:
    """Steps a second of the vector environment: the world, the task and new episodes."""
    envs = TaskVectorEnv(make_task("drivebot", {"encoder": "standardised", "history": 4}, rows))
    rng = np.random.default_rng(0)
    envs.reset(seed=0)
    steps, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        envs.step(rng.choice(3, rows, p=(0.6, 0.2, 0.2)))
        steps += rows
    return steps / (time.process_time() - started)


def plain_events(seconds: float) -> float:
    """Events a second of the rays alone, sample by sample in plain Python: what a user would write first."""
    task = make_task("drivebot")
    world = task.make_world()
    rng = np.random.default_rng(0)
    occupied, resolution = (world.grid.cells > 70).tolist(), world.grid.resolution
    events, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        x, y, theta = task.start(rng)
        for sonar in world.robot.sonars:
            sx = (x + sonar.pose.x * math.cos(theta) - sonar.pose.y * math.sin(theta)) / resolution
            sy = (y + sonar.pose.x * math.sin(theta) + sonar.pose.y * math.cos(theta)) / resolution
            for offset in sonar_angles(sonar.cone_angle).tolist():
                cos, sin = math.cos(theta + sonar.pose.theta + offset), math.sin(theta + sonar.pose.theta + offset)
                for d in range(1, int(sonar.max_range / resolution) + 1):
                    if occupied[int(sy + d * sin)][int(sx + d * cos)]:
                        break
        events += 1
    return events / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024, help="parallel worlds (default 1024)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default 3)")
    arguments = parser.parse_args()
    reference = plain_events(arguments.seconds)
    print(f"plain Python, the rays alone      {reference:12,.0f} events/s   1x")
    for name, rate in (
        ("the compiled world", world_events(arguments.rows, arguments.seconds)),
        ("the vector environment", env_steps(arguments.rows, arguments.seconds)),
    ):
        print(f"{name:33} {rate:12,.0f} events/s   {rate / reference:,.0f}x")


if __name__ == "__main__":
    main()
