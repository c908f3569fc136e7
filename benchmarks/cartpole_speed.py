#!/usr/bin/env python3
"""cartpole's rate beside the bare pybullet loop that does the same physics, in turns: poses, and pixels of two cameras.

By hand: `python benchmarks/cartpole_speed.py`. One core; the pole stands all the time, which is the dearest for Bullet,
and what a good policy sees. The last lines compare one process with two, of pybullet alone and of ours.
"""

import multiprocessing
import time

import numpy as np
import pybullet

from control_bench.env import TaskVectorEnv
from control_bench.registry import make_task
from control_bench.worlds.boxes import urdf

STEPS, TURNS = 1500, 5
STILL = {"push": 0.0, "longest": 10**9}


def bare(steps: int, pictures: int = 0) -> float:
    """Steps a second of pybullet alone: 2 x 5 physics steps with a force each, and two readings of both bodies."""
    client = pybullet.connect(pybullet.DIRECT)
    pybullet.setGravity(0, 0, -9.81)
    flags = pybullet.URDF_USE_INERTIA_FROM_FILE
    places = {"ground": (0, 0, 0), "cart": (0, 0, 0.075), "pole": (0, 0, 0.35)}
    bodies = [pybullet.loadURDF(str(urdf(name)), at, flags=flags) for name, at in places.items()]
    view = pybullet.computeViewMatrix((0, 0.75, 0.75), (0, 0, 0.3), (0, 0, 1))
    lens = pybullet.computeProjectionMatrixFOV(60, 1, 0.1, 20)
    for _ in range(100):
        pybullet.stepSimulation()
    begun = time.perf_counter()
    for _ in range(steps):
        for _ in range(2):
            for _ in range(5):
                at, _ = pybullet.getBasePositionAndOrientation(bodies[1])
                pybullet.applyExternalForce(bodies[1], -1, (0.0, 0.0, 0.0), at, pybullet.WORLD_FRAME)
                pybullet.stepSimulation()
            [pybullet.getBasePositionAndOrientation(body) for body in bodies[1:]]
            for _ in range(pictures):
                picture = pybullet.getCameraImage(50, 50, view, lens, shadow=0, renderer=pybullet.ER_TINY_RENDERER)[2]
                np.array(picture, np.uint8).reshape(50, 50, 4)[:, :, :3].copy()
    rate = steps / (time.perf_counter() - begun)
    pybullet.disconnect(client)
    return rate


def bare_twice(steps: int) -> float:
    """Steps a second of two pybullets at once, together: what a second process can bring on this machine."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(bare, [steps] * 2))


def ours(steps: int, processes: int = 1, rows: int = 1, **settings) -> float:
    """Steps a second of the environment, all rows together."""
    envs = TaskVectorEnv(make_task("balance", STILL | settings, rows), processes)
    envs.reset(seed=0)
    action = np.zeros(rows, dtype=int)
    for _ in range(20):
        envs.step(action)
    begun = time.perf_counter()
    for _ in range(steps):
        envs.step(action)
    rate = rows * steps / (time.perf_counter() - begun)
    envs.close()
    return rate


def main() -> None:
    pixels = {"observation": "pixels", "cameras": 2}
    measured = {
        "pybullet alone": lambda: bare(STEPS),
        "pybullet alone, two at once": lambda: bare_twice(STEPS),
        "poses": lambda: ours(STEPS),
        "pybullet alone, its pictures": lambda: bare(STEPS // 5, pictures=2),
        "pixels, two cameras": lambda: ours(STEPS, **pixels),
        "poses, 8 rows": lambda: ours(STEPS // 4, rows=8),
        "poses, 8 rows, 2 processes": lambda: ours(STEPS // 4, processes=2, rows=8),
    }
    rates = {name: [] for name in measured}
    for _ in range(TURNS):
        for name, measure in measured.items():
            rates[name].append(measure())
    medians = {name: float(np.median(values)) for name, values in rates.items()}
    for name, rate in medians.items():
        print(f"{name:30} {rate:8.0f} steps/s")
    shares = [a / b for a, b in zip(rates["poses"], rates["pybullet alone"], strict=True)]
    print(f"poses: {np.median(shares):.0%} of pybullet alone, turn by turn")
    shares = [a / b for a, b in zip(rates["pixels, two cameras"], rates["pybullet alone, its pictures"], strict=True)]
    print(f"pixels: {np.median(shares):.1f} x pybullet's own renderer, turn by turn")
    shares = [b / a for a, b in zip(rates["pybullet alone"], rates["pybullet alone, two at once"], strict=True)]
    print(f"two pybullets alone: {np.median(shares):.2f} x one, turn by turn")
    shares = [b / a for a, b in zip(rates["poses, 8 rows"], rates["poses, 8 rows, 2 processes"], strict=True)]
    print(f"two processes: {np.median(shares):.2f} x one, turn by turn")


if __name__ == "__main__":
    main()
