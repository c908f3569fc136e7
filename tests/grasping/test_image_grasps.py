"""Grasps in a picture: what its edges offer, how deep a gripper may go, and where in space that is."""

from dataclasses import replace

import numpy as np
import pytest
from depth_pictures import BLOCK, block, camera, picture, seen
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.grasping.camera import Intrinsics
from control_bench.grasping.depth_image import DepthImage, Table
from control_bench.grasping.grasps import TABLE_CLEARANCE
from control_bench.grasping.gripper import gripper_of
from control_bench.grasping.image_grasps import (
    DEEP,
    MOST_EDGES,
    ImageGrasps,
    SamplerSettings,
    antipodal_pairs,
    deepest,
    draw_depths,
    edges,
    on_mask,
    surface,
)

WSG50 = gripper_of("wsg50")
FINE = camera(480, 640, 525.0)
STRAIGHT = camera(480, 640, 525.0, polar=0.0)


def pairs(image, gripper=WSG50, count=200, seed=0, **settings):
    return antipodal_pairs(image, gripper, SamplerSettings(**settings), count, np.random.default_rng(seed))


# Edges.


def test_edges_are_where_depth_jumps_and_point_away_from_what_is_nearer():
    image = seen(STRAIGHT, block((0.1, 0.1, 0.05)))
    points, normals = edges(image, SamplerSettings())
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
    half = 0.05 * 525.0 / 0.65  # pixels from the middle to the top's sides
    away = points - (319.5, 239.5)
    assert np.abs(np.abs(away).max(axis=1) - half).max() < 9.0
    sides = np.abs(np.abs(away[:, 0]) - np.abs(away[:, 1])) > 15.0  # corners left out
    outward = np.where(np.abs(away[:, :1]) > np.abs(away[:, 1:]), [1.0, 0.0], [0.0, 1.0]) * np.sign(away)
    assert (np.einsum("ni,ni->n", outward, normals)[sides] > 0.97).all() and sides.sum() > 50


def test_there_are_no_edges_beside_what_may_be_grasped_nor_on_a_tilted_table():
    image = seen(FINE, block((0.1, 0.1, 0.05), 0.1), block((0.1, 0.1, 0.05), -0.1))
    rows, _ = np.indices(image.mask.shape)
    points, _ = edges(image.__class__.of(image.depth, image.intrinsics, image.mask & (rows < 240)), SamplerSettings())
    assert len(points) > 50 and points[:, 1].max() < 246
    bare = DepthImage.of(picture(FINE)[0], FINE.intrinsics, np.ones(image.mask.shape, dtype=bool))
    assert not len(edges(bare, SamplerSettings())[0])


# Pairs.


@pytest.mark.parametrize("yaw", [0.0, 0.4, 1.2, -0.7])
def test_pairs_cross_a_block_square_to_its_sides_and_are_as_wide_as_it_is(yaw):
    image = seen(STRAIGHT, block(yaw=yaw))
    grasps, ends = pairs(image, friction=0.2)
    assert len(grasps) > 30
    # The camera's right is the world's y and its down the world's x: the block's narrow axis is turned there.
    narrow = np.array([np.sin(yaw), np.cos(yaw)])
    axes = np.stack([np.cos(grasps.angles), np.sin(grasps.angles)], axis=1)
    # Edges are as thick as the picture is blurred: a few pairs lie along the block, from one inner edge to another.
    square = np.abs(axes @ narrow) > 0.94
    assert np.median(np.abs(axes @ narrow)) > 0.99 and square.mean() > 0.9
    grasps, ends = grasps[square], ends[square]
    widths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * (0.7 - BLOCK[2]) / 525.0
    assert np.median(widths) == pytest.approx(BLOCK[0], abs=0.006) and np.abs(widths - BLOCK[0]).max() < 0.018
    np.testing.assert_allclose(ends.mean(axis=1), grasps.pixels)
    across = ends[:, 1] - ends[:, 0]
    np.testing.assert_allclose(grasps.angles, np.arctan2(across[:, 1], across[:, 0]))
    # Middles are on the block's own middle line.
    away = (grasps.pixels - (319.5, 239.5)) @ narrow * (0.7 - BLOCK[2]) / 525.0
    assert np.abs(away).max() < 0.008


def test_the_more_friction_the_further_from_square_a_pair_may_be():
    image = seen(STRAIGHT, block())
    # The narrow side is straight up and down in the picture.
    off = [
        np.quantile(np.abs(np.cos(pairs(image, friction=friction, count=2000)[0].angles)), 0.8)
        for friction in (0.1, 0.4, 1.0)
    ]
    assert off[0] + 0.05 < off[1] < off[2] - 0.05


def test_what_is_wider_than_the_jaws_open_offers_nothing():
    image = seen(STRAIGHT, block((0.1, 0.1, 0.05)))
    assert len(pairs(image)[0]) == 0
    grasps, ends = pairs(image, replace(WSG50, opening=0.12))
    assert len(grasps) and (np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * 0.65 / 525.0 > 0.08).all()


def test_nothing_offers_nothing():
    grasps, ends = pairs(seen(STRAIGHT))
    assert len(grasps) == 0 and ends.shape == (0, 2, 2) and grasps.pixels.shape == (0, 2)


def test_pairs_are_on_what_may_be_grasped():
    # Of two walls, the gap between is no place for a grip point, though their edges face away from each other.
    image = seen(STRAIGHT, block((0.01, 0.06, 0.04), 0.015), block((0.01, 0.06, 0.04), -0.015))
    grasps, _ = pairs(image, count=5000)
    columns, rows = np.round(grasps.pixels).astype(int).T
    assert image.mask[rows, columns].all() and len(grasps) > 50
    everywhere = replace(image, mask=np.ones(image.mask.shape, dtype=bool))
    columns, rows = np.round(pairs(everywhere, count=5000)[0].pixels).astype(int).T
    assert not image.mask[rows, columns].all()


def test_what_lies_outside_the_picture_is_on_no_mask():
    image = seen(FINE, block())
    image.mask[:] = True
    pixels = np.array([[0.0, 0.0], [639.4, 479.4], [-0.6, 5.0], [5.0, -0.6], [640.0, 5.0], [5.0, 480.0]])
    assert on_mask(image, pixels).tolist() == [True, True, False, False, False, False]


def test_as_many_are_drawn_as_are_asked_for_each_once_and_from_all_there_are():
    image = seen(FINE, block())
    some, ends = pairs(image, count=40)
    assert len(some) == len(ends) == 40 and len(np.unique(ends.reshape(40, 4), axis=0)) == 40
    again, other = pairs(image, count=40)[1], pairs(image, count=40, seed=1)[1]
    assert np.array_equal(ends, again) and not np.array_equal(ends, other)
    assert np.ptp(some.pixels[:, 0]) > 0.03 * 525.0 / 0.66  # from both halves of its length


def test_many_edges_are_thinned_out():
    blocks = [block((0.03, 0.03, 0.04), x, y) for x in (-0.15, -0.05, 0.05, 0.15) for y in (-0.2, -0.1, 0.0, 0.1, 0.2)]
    image = seen(FINE, *blocks)
    assert len(edges(image, SamplerSettings())[0]) > MOST_EDGES
    few, thinned = pairs(image, count=10**6)[1], pairs(image, count=10**6, seed=1)[1]
    assert len(np.unique(few.reshape(-1, 2), axis=0)) <= MOST_EDGES
    assert not np.array_equal(np.unique(few.reshape(-1, 2), axis=0), np.unique(thinned.reshape(-1, 2), axis=0))


def test_settings_that_cannot_be_are_refused():
    for name, value in (("friction", 0.0), ("gradient", -1.0), ("smooth", -0.1)):
        with pytest.raises(BadInput, match=name):
            SamplerSettings(**{name: value})


# Depths.


def test_the_surface_is_the_nearest_of_four_pixels():
    image = replace(seen(STRAIGHT), depth=np.arange(480 * 640, 0, -1.0).reshape(480, 640))
    pixels = np.array([[3.0, 5.0], [3.9, 5.9], [639.0, 479.0], [-3.0, -3.0], [700.0, 600.0]])
    lower_right = [(4, 6), (4, 6), (639, 479), (1, 1), (639, 479)]
    assert surface(image, pixels).tolist() == [image.depth[row, column] for column, row in lower_right]


@pytest.mark.parametrize("polar", [0.0, 0.3, 0.8])
def test_the_deepest_grip_point_keeps_fingertips_over_the_table(polar):
    seen_by = camera(azimuth=1.0, polar=polar, roll=0.5)
    image = seen(seen_by)
    pixels = np.random.default_rng(0).uniform((0.0, 0.0), (319.0, 239.0), (50, 2))
    depths = deepest(image, pixels, WSG50)
    points = seen_by.view.to_world(seen_by.intrinsics.deproject(pixels, depths))
    # The grip point is so far above the fingertips, which go straight down.
    np.testing.assert_allclose(points[:, 2] - WSG50.reach, TABLE_CLEARANCE, atol=2e-4)


def test_without_a_table_there_is_no_deepest():
    image = replace(seen(STRAIGHT), table=None)
    assert np.isinf(deepest(image, np.zeros((3, 2)), WSG50)).all()


def test_depths_are_drawn_below_the_surface_and_above_the_table():
    image = seen(FINE, block((0.1, 0.1, 0.08)))
    pixels = np.tile([[319.5, 239.5]], (500, 1))
    below = draw_depths(image, pixels, WSG50, np.random.default_rng(0)) - surface(image, pixels)
    assert below.min() >= DEEP[0] and below.max() <= DEEP[1]
    assert below.min() < DEEP[0] + 0.002 and below.max() > DEEP[1] - 0.002
    flat = seen(FINE, block((0.1, 0.1, 0.02)))
    depths = draw_depths(flat, pixels, WSG50, np.random.default_rng(0))
    points = FINE.view.to_world(FINE.intrinsics.deproject(pixels, depths))
    assert points[:, 2].min() == pytest.approx(WSG50.reach + TABLE_CLEARANCE, abs=1e-4)


# In space.


PIXEL = st.tuples(st.floats(0.0, 319.0), st.floats(0.0, 239.0))
GRASP = st.tuples(PIXEL, st.floats(-np.pi / 2, np.pi / 2), st.floats(0.5, 0.75))
PLACE = st.tuples(st.floats(0.5, 1.0), st.floats(-3.0, 3.0), st.floats(0.0, 0.7), st.floats(-3.0, 3.0))


def made(pixel, angle, depth):
    return ImageGrasps(np.array([pixel]), np.array([angle]), np.array([depth]))


@hypothesis_settings(deadline=None, max_examples=60)
@given(grasp=GRASP, place=PLACE)
def test_a_placed_grasp_is_seen_where_it_was_planned(grasp, place):
    distance, azimuth, polar, roll = place
    seen_by = camera(distance=distance, azimuth=azimuth, polar=polar, roll=roll)
    ((x, y, z, yaw),) = made(*grasp).placed(seen_by)
    i, view = seen_by.intrinsics, seen_by.view
    point = np.array([x, y, z])
    along = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    back = i.project(view.to_camera(np.stack([point, point + 1e-4 * along])))
    np.testing.assert_allclose(back[0], grasp[0], atol=1e-6)
    assert view.to_camera(point)[2] == pytest.approx(grasp[2])
    turned = back[1] - back[0]
    off = np.arctan2(turned[1], turned[0]) - grasp[1]
    assert abs(np.sin(off)) < 1e-3 and np.cos(off) > 0.0


@hypothesis_settings(deadline=None, max_examples=40)
@given(grasp=GRASP, place=PLACE)
def test_a_pose_is_a_right_handed_frame_whose_z_goes_into_the_table(grasp, place):
    distance, azimuth, polar, roll = place
    seen_by = camera(distance=distance, azimuth=azimuth, polar=polar, roll=roll)
    image = DepthImage(
        np.ones((240, 320)), seen_by.intrinsics, Table.below(seen_by), np.ones((240, 320), dtype=bool), 0.0
    )
    one = made(*grasp)
    (position,), (quaternion,) = one.poses(image)
    frame = Rotation.from_quat(quaternion).as_matrix()
    np.testing.assert_allclose(np.linalg.det(frame), 1.0)
    np.testing.assert_allclose(frame[:, 2] @ seen_by.view.axes, [0.0, 0.0, -1.0], atol=1e-9)
    np.testing.assert_allclose(position, seen_by.intrinsics.deproject(grasp[0], grasp[2]))
    # The same grasp as it is placed on the table.
    ((x, y, z, yaw),) = one.placed(seen_by)
    np.testing.assert_allclose(seen_by.view.to_world(position), [x, y, z], atol=1e-9)
    np.testing.assert_allclose(frame[:, 0] @ seen_by.view.axes, [np.cos(yaw), np.sin(yaw), 0.0], atol=1e-9)


def test_without_a_table_a_gripper_comes_along_the_cameras_axis():
    image = replace(seen(FINE), table=None)
    _, (quaternion,) = made((100.0, 50.0), 0.3, 0.6).poses(image)
    np.testing.assert_allclose(Rotation.from_quat(quaternion).as_matrix()[:, 2], [0.0, 0.0, 1.0], atol=1e-12)


def test_no_grasps_have_no_poses():
    positions, quaternions = ImageGrasps.none().poses(seen(FINE))
    assert (positions.shape, quaternions.shape) == ((0, 3), (0, 4))
    assert ImageGrasps.none().placed(FINE).shape == (0, 4)


def test_a_camera_whose_pixels_are_not_square_is_seen_through_right():
    i = Intrinsics(300.0, 200.0, 159.5, 119.5, 240, 320)
    middles, axes = made((200.0, 100.0), np.pi / 4, 0.6).seen(i, np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(i.project(middles), [[200.0, 100.0]])
    # At 45 degrees in the picture it goes further down than to the right where pixels are as far apart down.
    np.testing.assert_allclose(axes[0] / axes[0, 0], [1.0, 1.5, 0.0], atol=1e-9)


def test_grasps_are_taken_by_number_and_joined():
    several = ImageGrasps.joined([made((1.0, 2.0), 0.1, 0.5), made((3.0, 4.0), 0.2, 0.6), ImageGrasps.none()])
    assert len(several) == 2 and several[1:].pixels.tolist() == [[3.0, 4.0]]
    assert several[np.array([1, 0])].depths.tolist() == [0.6, 0.5] and several[:1].angles.tolist() == [0.1]
