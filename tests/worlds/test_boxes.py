"""Boxes: rotations and tilts as scipy and pybullet have them, and the URDFs of cartpole++."""

import numpy as np
import pybullet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.worlds import boxes
from control_bench.worlds.boxes import read_box, rotation_of, tilt_of

ANGLE = st.floats(-3.1, 3.1)
UPRIGHT = st.floats(-1.5, 1.5)


@settings(deadline=None)
@given(roll=ANGLE, pitch=ANGLE, yaw=ANGLE)
def test_the_rotation_of_a_quaternion_is_scipys(roll, pitch, yaw):
    rotation = Rotation.from_euler("xyz", (roll, pitch, yaw))
    np.testing.assert_allclose(rotation_of(rotation.as_quat()), rotation.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotation_of(-rotation.as_quat()), rotation.as_matrix(), atol=1e-12)


@settings(deadline=None)
@given(roll=ANGLE, pitch=UPRIGHT, yaw=ANGLE)
def test_the_tilt_of_a_quaternion_is_pybullets_roll_and_pitch(roll, pitch, yaw):
    quaternion = Rotation.from_euler("xyz", (roll, pitch, yaw)).as_quat()
    np.testing.assert_allclose(tilt_of(quaternion), (roll, pitch), atol=1e-6)
    np.testing.assert_allclose(tilt_of(quaternion), pybullet.getEulerFromQuaternion(quaternion)[:2], atol=1e-6)
    np.testing.assert_allclose(tilt_of(-quaternion), (roll, pitch), atol=1e-6)


@pytest.mark.parametrize("pitch", [np.pi / 2, -np.pi / 2])
def test_a_body_that_points_along_x_has_a_tilt_too(pitch):
    quaternion = np.array([0.0, np.sin(pitch / 2), 0.0, np.cos(pitch / 2)]) * (1.0 + 1e-15)
    assert tilt_of(quaternion)[1] == pytest.approx(pitch)


@pytest.mark.parametrize(
    ("name", "size", "colour"),
    [
        ("ground", (10.0, 10.0, 0.1), (0.3, 0.3, 0.3)),
        ("cart", (0.2, 0.2, 0.05), (0.9, 0.2, 0.1)),
        ("pole", (0.02, 0.02, 0.5), (0.2, 0.7, 0.1)),
    ],
)
def test_the_bodies_are_the_articles_boxes(name, size, colour):
    box = read_box(name)
    assert (box.name, box.size, box.colour) == (name, size, colour)


WHOLE = boxes.urdf("pole").read_text()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        WHOLE[:-40],
        WHOLE.replace("box size", "ball size"),
        WHOLE.replace("0.02 0.02 0.5", "0.02 0.02 tall"),
        WHOLE.replace("0.02 0.02 0.5", "0.02 0.5"),
        WHOLE.replace(' size="', ' length="'),
        WHOLE.replace("rgba", "rgb"),
        WHOLE.replace("0.2 0.7 0.1 1", "0.2 0.7"),
    ],
    ids=["missing", "empty", "cut", "ball", "word", "two_edges", "no_size", "no_colour", "two_colours"],
)
def test_a_damaged_file_is_refused_in_one_line(monkeypatch, tmp_path, text):
    path = tmp_path / "pole.urdf"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(boxes, "urdf", lambda name: tmp_path / f"{name}.urdf")
    with pytest.raises(BadInput, match="put back the package's file") as caught:
        read_box("pole")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
