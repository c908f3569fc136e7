"""Boxes: what the scene of cartpole++ is made of, as its URDF files say, and where they are in space."""

import math
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.resources import share


@dataclass(frozen=True)
class Box:
    """size: edges, m. colour: red, green, blue, 0 to 1."""

    name: str
    size: tuple[float, float, float]
    colour: tuple[float, float, float]


def urdf(name: str) -> Path:
    """The URDF of one of our bodies."""
    return share() / "urdf" / f"{name}.urdf"


def read_box(name: str) -> Box:
    """The box that a body's URDF shows."""
    path = urdf(name)
    try:
        root = xml.parse(path).getroot()
        size = root.find("link/visual/geometry/box").get("size")
        colour = root.find("material/color").get("rgba")
        (x, y, z), (red, green, blue, _) = (map(float, text.split()) for text in (size, colour))
        return Box(name, (x, y, z), (red, green, blue))
    except (OSError, xml.ParseError, AttributeError, ValueError):
        raise BadInput(f"{path}: should show one box with a colour: put back the package's file") from None


@njit(cache=True)
def rotation_of(quaternion):
    """The rotation matrix (3, 3) of a unit quaternion x y z w."""
    x, y, z, w = quaternion
    rotation = np.empty((3, 3))
    rotation[0, 0], rotation[0, 1], rotation[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    rotation[1, 0], rotation[1, 1], rotation[1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    rotation[2, 0], rotation[2, 1], rotation[2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
    return rotation


def quaternion_of(rotation: np.ndarray) -> np.ndarray:
    """The unit quaternion x y z w of a rotation matrix (3, 3)."""
    return Rotation.from_matrix(rotation).as_quat()


@njit(cache=True)
def tilt_of(quaternion):
    """Roll and pitch, rad, of a unit quaternion x y z w: turns about x and y, before that about z."""
    x, y, z, w = quaternion
    roll = math.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    return roll, math.asin(min(max(2.0 * (w * y - z * x), -1.0), 1.0))
