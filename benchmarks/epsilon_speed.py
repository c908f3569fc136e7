#!/usr/bin/env python3
"""Epsilon qualities a second on one core, beside Qhull's hull of the same wrenches in the same run, in turns.

By hand: `OMP_NUM_THREADS=1 python benchmarks/epsilon_speed.py`. A robust label of Dex-Net 2.0 is the mean over 25 draws
of a grasp's contacts and friction and of where the object is; drawing them is not timed, nor is the making of Qhull's
wrenches. Processor time counts, as other work may share the core.
"""

import math
import time

import numpy as np
from scipy.spatial import ConvexHull

from control_bench.grasping.epsilon import epsilon_quality, primitive_wrenches

GRASPS, DRAWS, TURNS, HULLS = 4000, 25, 5, 400
"""Each turn labels all grasps, and gives Qhull some of the draws."""


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def draw_grasps(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """All draws of all grasps: contacts, normals, frictions, centres.

    Widths of 1 to 5 cm, the centre of mass up to 5 cm away, normals that lean some 10 degrees from the line; a draw
    moves a contact by about 1 mm and turns its normal by about 3 degrees. Friction is 0.5 +- 0.1.
    """
    axes = unit(rng.normal(size=(GRASPS, 3)))
    halves = axes * rng.uniform(0.005, 0.025, (GRASPS, 1))
    contacts = np.stack([-halves, halves], axis=1)
    normals = unit(np.stack([axes, -axes], axis=1) + 0.15 * rng.normal(size=(GRASPS, 2, 3)))
    centres = unit(rng.normal(size=(GRASPS, 3))) * rng.uniform(0.0, 0.05, (GRASPS, 1))
    contacts, normals, centres = (np.repeat(array, DRAWS, axis=0) for array in (contacts, normals, centres))
    contacts = contacts + 0.001 * rng.normal(size=contacts.shape)
    normals = unit(normals + 0.05 * rng.normal(size=normals.shape))
    return contacts, normals, rng.normal(0.5, 0.1, len(contacts)).clip(0.05), centres


def seconds_of(work) -> tuple[float, np.ndarray]:
    """Processor time that some work takes, and what it returns."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def main() -> None:
    rng = np.random.default_rng(0)
    grasps = draw_grasps(rng)
    chosen = rng.choice(len(grasps[0]), HULLS, replace=False)
    wrenches = [
        primitive_wrenches(contacts, normals, friction, centre, math.pi * 0.005**2 * friction, 1000.0)
        for contacts, normals, friction, centre in zip(*(array[chosen] for array in grasps), strict=True)
    ]
    epsilon_quality(*(array[:1] for array in grasps))  # compiles
    ours, peers = [], []
    for _ in range(TURNS):
        spent, qualities = seconds_of(lambda: epsilon_quality(*grasps))
        ours.append(len(qualities) / spent)
        spent, hulls = seconds_of(lambda: np.array([-ConvexHull(w).equations[:, -1].max() for w in wrenches]))
        peers.append(HULLS / spent)
    rate, peer = np.median(ours), np.median(peers)
    apart = np.abs(qualities[chosen] - hulls.clip(0.0)).max()
    print(f"Qhull {peer:12,.0f} epsilons/s      1x  {peer / DRAWS:10,.0f} robust labels/s")
    print(f"ours  {rate:12,.0f} epsilons/s  {rate / peer:5,.0f}x  {rate / DRAWS:10,.0f} robust labels/s")
    print(f"{np.mean(qualities > 0.0):.0%} of the draws close; at most {apart:.1e} from Qhull's")


if __name__ == "__main__":
    main()
