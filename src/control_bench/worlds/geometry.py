"""The shapes of a robot's parts as the compiled world takes them, and the noise of its motion."""

import math

import numpy as np

from control_bench.worlds.robot import Footprint, Kinematics, Laser

RING_POINTS = 360
"""A circle is tested for collision at this many points (STDR)."""
DEGREE = 3.14159 / 180.0
"""STDR's step between the rays of a sonar, with its value of pi, rad."""


def sonar_angles(cone_angle: float) -> np.ndarray:
    """The rays' angles off a cone's axis, rad (rays,): from -cone/2 up to, not including, +cone/2, a degree apart."""
    return -cone_angle / 2.0 + DEGREE * np.arange(math.ceil(cone_angle / DEGREE))


def laser_angles(laser: Laser) -> np.ndarray:
    """The angles of a laser's rays off its axis, rad (num_rays,)."""
    step = (laser.max_angle - laser.min_angle) / max(laser.num_rays - 1, 1)
    return laser.min_angle + step * np.arange(laser.num_rays)


def outline(footprint: Footprint) -> np.ndarray:
    """The footprint's corner points in the robot's frame, metres (points, 2)."""
    if footprint.points:
        return np.array(footprint.points, dtype=np.float64)
    angles = np.deg2rad(np.arange(RING_POINTS))
    return footprint.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def outline_capacity(footprint: Footprint, resolution: float) -> int:
    """How many cells `outline_cells` may fill, at any heading."""
    points = outline(footprint)
    if not footprint.points:
        return len(points)
    edges = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    return int(np.sum(np.ceil(edges / resolution) + 3))


def motion_noise(rng: np.random.Generator, kinematics: Kinematics, velocity: np.ndarray) -> np.ndarray:
    """A velocity (3,) with the noise of the robot's file, as STDR draws it once for every Twist it gets."""
    squares = velocity**2
    deviations = [
        math.sqrt(float(np.dot([getattr(kinematics, f"a_{component}_{of}") for of in ("ux", "uy", "w")], squares)))
        for component in ("ux", "uy", "w", "g")
    ]
    # STDR's normal distribution: the sum of twelve uniform draws, whose variance is 4, times half the deviation.
    draws = rng.uniform(-1.0, 1.0, size=(4, 12)).sum(axis=1) * np.array(deviations) / 2.0
    return velocity + np.array([draws[0], draws[1], draws[2] + draws[3]])
