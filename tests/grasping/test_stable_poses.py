"""Stable poses: those of a box by hand, and of any object that its centre of mass is over what it stands on."""

import numpy as np
import pytest
import trimesh
from grasp_shapes import box, hull, solid

from control_bench.grasping.objects import load_object
from control_bench.grasping.stable_poses import LEAST_PROBABLE, draw_pose

EDGES = np.array([0.02, 0.03, 0.05])


def solid_angle(a, b, distance):
    """Of a rectangle that is seen from over its middle."""
    return 4.0 * np.arctan(a * b / (2.0 * distance * np.sqrt(4.0 * distance**2 + a**2 + b**2)))


def test_a_box_lies_on_a_face_as_often_as_it_looks_that_way():
    poses = box(*EDGES).stable_poses
    assert len(poses) == 6
    # Its faces by their distance from the middle: the biggest is the nearest.
    chances = [solid_angle(*np.delete(EDGES, axis), EDGES[axis] / 2.0) / (4.0 * np.pi) for axis in (0, 0, 1, 1, 2, 2)]
    assert sum(chances) == pytest.approx(1.0)
    np.testing.assert_allclose([pose.probability for pose in poses], chances, rtol=1e-6)
    np.testing.assert_allclose([pose.height for pose in poses], EDGES[[0, 0, 1, 1, 2, 2]] / 2.0)
    downs = [tuple(-pose.rotation[2].round(6) + 0.0) for pose in poses]
    assert len(set(downs)) == 6 and all(np.abs(down).max() == 1.0 for down in downs)


@pytest.mark.parametrize("make", [lambda: hull(1), lambda: hull(2, corners=30), lambda: load_object("random/001")])
def test_an_object_stands_with_its_centre_of_mass_over_its_support(make):
    obj = make()
    poses = obj.stable_poses
    chances = [pose.probability for pose in poses]
    assert sum(chances) == pytest.approx(1.0) and chances == sorted(chances, reverse=True)
    assert min(chances) >= LEAST_PROBABLE and len(poses) > 2
    for pose in poses:
        np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(pose.rotation) == pytest.approx(1.0)
        placed = obj.vertices @ pose.rotation.T + [0.0, 0.0, pose.height]
        assert placed[:, 2].min() == pytest.approx(0.0, abs=1e-12)
        support = placed[placed[:, 2] < 1e-6][:, :2]
        assert len(support) >= 3
        ways = np.sort(np.arctan2(*support.T))
        gaps = np.diff(ways, append=ways[0] + 2.0 * np.pi)
        assert gaps.max() <= np.pi + 1e-6  # corners all around it


def test_poses_are_drawn_as_often_as_they_are_probable():
    obj = box(*EDGES)
    poses, rng = obj.stable_poses, np.random.default_rng(0)
    drawn = [[pose is one for pose in poses].index(True) for one in (draw_pose(poses, rng) for _ in range(4000))]
    expected = 4000 * np.array([pose.probability for pose in poses])
    assert (np.abs(np.bincount(drawn, minlength=6) - expected) < 4.0 * np.sqrt(expected)).all()


def test_poses_are_found_once():
    obj = box(*EDGES)
    assert obj.stable_poses is obj.stable_poses is not box(*EDGES).stable_poses


def test_a_ball_rests_on_any_of_its_faces():
    # Of 1280 poses none is probable by itself.
    ball = solid(trimesh.creation.icosphere(subdivisions=3, radius=0.02), "ball")
    poses = ball.stable_poses
    assert len(poses) == 1280 and sum(pose.probability for pose in poses) == pytest.approx(1.0)
    np.testing.assert_allclose([pose.height for pose in poses], 0.02, atol=3e-4)
