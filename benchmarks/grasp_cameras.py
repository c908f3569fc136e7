#!/usr/bin/env python3
"""How well `grasp plan` does on the pictures of other cameras, with what real ones do to them.

By hand: `python benchmarks/grasp_cameras.py [EPISODES]` (20 of each; some two minutes on two cores). The planner knows
the picture and the intrinsics alone, as on the command line: it finds the table and the objects by itself. What it
plans is tried in pybullet, on test objects.
"""

import sys

import numpy as np
from scipy import ndimage

from control_bench.env import TaskEnv
from control_bench.grasping.depth_image import DepthImage
from control_bench.plan import make_plan

CAMERAS = {
    "PrimeSense, 640 x 480": dict(focal=525.0, height=480, width=640, distance=0.7, tilt=0.2),
    "PhoXi, 1032 x 772": dict(focal=1105.0, height=772, width=1032, distance=0.8, tilt=0.1),
    "Kinect 2, 512 x 424": dict(focal=365.0, height=424, width=512, distance=0.9, tilt=0.3),
    "RealSense, 848 x 480": dict(focal=425.0, height=480, width=848, distance=0.6, tilt=0.35),
    "RealSense, 1280 x 720": dict(focal=920.0, height=720, width=1280, distance=0.55, tilt=0.0),
    "PrimeSense, 34 degrees": dict(focal=525.0, height=480, width=640, distance=0.8, tilt=0.6),
}
"""Focal lengths in pixels and sizes as these have them, about; distance, m, and tilt from the vertical, rad, ours."""
FAULTS = {
    "none": (),
    "noise": ("steps", "noise"),
    "holes": ("shadow", "holes"),
    "table's end": ("end",),
    "all": ("end", "steps", "noise", "shadow", "holes"),
}
BASELINE = 0.075
"""m between the two eyes of a stereo camera."""
DISPARITIES = 8
"""Steps to a pixel of disparity."""
WHITE = 0.0015
"""m: deviation of each pixel by itself."""
JUMP = 0.012
"""m that something stands out by, so that it hides what is beside it from one of the eyes."""


def with_end(depth: np.ndarray) -> np.ndarray:
    """The table ends in the picture; beyond it is the floor, about as far below it as the camera is above."""
    rows, columns = np.indices(depth.shape)
    beyond = (columns >= 0.82 * depth.shape[1]) | (rows < 0.1 * depth.shape[0])
    return np.where(beyond, 2.0 * depth, depth)


def in_steps(depth: np.ndarray, focal: float) -> np.ndarray:
    """Depths are told in steps of disparity."""
    return focal * BASELINE / (np.round(focal * BASELINE / depth * DISPARITIES) / DISPARITIES)


def shadow(depth: np.ndarray, focal: float) -> np.ndarray:
    """Bool (height, width): what one of the eyes can't see, to one side of what stands out by some 5 cm."""
    near = float(np.median(depth))
    pixels = max(1, round(focal * BASELINE * 0.05 / near**2 / 2.0))
    return depth - ndimage.minimum_filter1d(depth, 2 * pixels + 1, axis=1, origin=-pixels) > JUMP


def holes(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Bool (height, width): single pixels, some patches, and two sides of the picture."""
    height, width = shape
    gone = rng.random(shape) < 0.02
    for _ in range(6):
        row, column = rng.integers(height), rng.integers(width)
        gone[row : row + height // 30, column : column + width // 30] = True
    gone[:, : width // 20] = gone[-height // 20 :] = True
    return gone


def degraded(depth: np.ndarray, focal: float, faults: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """A picture (height, width), m, with such faults."""
    seen = with_end(depth.astype(float)) if "end" in faults else depth.astype(float)
    told = in_steps(seen, focal) if "steps" in faults else seen
    if "noise" in faults:
        told = told + rng.normal(0.0, WHITE, told.shape)
    gone = shadow(seen, focal) if "shadow" in faults else np.zeros(seen.shape, dtype=bool)
    if "holes" in faults:
        gone |= holes(seen.shape, rng)
    return np.where(gone, 0.0, told).astype(np.float32)


def successes(camera: str, faults: str, episodes: int) -> int:
    """Of so many objects, how many were in the hand after the shake."""
    settings = {f"task.{name}": value for name, value in CAMERAS[camera].items()}
    plan = make_plan(
        "grasp", "dexnet", assignments=settings | {"task.noise": 0.0, "task.noise_gamma": 0.0}, shipped=True
    )
    env = TaskEnv(plan.make_task())
    planner, held = plan.make_controller(env.task), 0
    for seed in range(1000, 1000 + episodes):
        depth, _ = env.reset(seed=seed)
        planner.begin(seed)
        told = degraded(depth, CAMERAS[camera]["focal"], FAULTS[faults], np.random.default_rng(seed))
        planned = planner.plan_any(DepthImage.of(told, planner.camera.intrinsics))
        if len(planned.grasps):
            grasp = planned.grasps[:1].placed(planner.camera)[0]
            held += int(env.step(np.append(grasp, planned.qualities[0]).astype(np.float32))[1])
    return held


def main() -> None:
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"successes of {episodes}".ljust(24), *(name.rjust(12) for name in FAULTS))
    for camera in CAMERAS:
        print(camera.ljust(24), *(f"{successes(camera, faults, episodes):12d}" for faults in FAULTS), flush=True)


if __name__ == "__main__":
    main()
