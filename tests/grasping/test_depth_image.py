"""Depth pictures made ready: the table found, holes filled in, and what stands on it."""

import numpy as np
import pytest
from depth_pictures import block, camera, picture
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from control_bench.grasping.camera import Intrinsics
from control_bench.grasping.depth_image import DepthImage, Table, fill_holes, find_table, standing
from control_bench.grasping.depth_noise import DepthNoise

FROM_MANY_SIDES = [camera(), camera(azimuth=2.0, polar=0.5, roll=0.7), camera(distance=1.1, polar=0.0)]
every_camera = pytest.mark.parametrize("seen_by", FROM_MANY_SIDES, ids=["tilted", "aslant", "straight"])


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


# Holes.


def test_a_hole_has_the_depth_of_the_nearest_pixel_that_has_one():
    depth = np.array([[1.0, 0.0, 0.0, 4.0], [5.0, 0.0, 7.0, 8.0]])
    before = depth.copy()
    assert fill_holes(depth).tolist() == [[1.0, 1.0, 4.0, 4.0], [5.0, 5.0, 7.0, 8.0]] or (
        fill_holes(depth).tolist() == [[1.0, 1.0, 7.0, 4.0], [5.0, 5.0, 7.0, 8.0]]
    )
    np.testing.assert_array_equal(depth, before)


@hypothesis_settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), share=st.floats(0.0, 0.999))
def test_what_is_known_stays_and_what_is_filled_in_is_as_near_as_can_be(seed, share):
    rng = np.random.default_rng(seed)
    depth = np.where(rng.random((7, 9)) < share, 0.0, rng.uniform(0.5, 1.0, (7, 9)))
    assume(depth.any())
    filled, known = fill_holes(depth), np.argwhere(depth > 0.0)
    np.testing.assert_array_equal(filled[depth > 0.0], depth[depth > 0.0])
    for place in np.argwhere(depth == 0.0):
        away = np.linalg.norm(known - place, axis=1)
        nearest = known[away <= away.min() + 1e-9]
        assert filled[tuple(place)] in depth[tuple(nearest.T)]


def test_a_picture_of_holes_alone_stays_one():
    assert not fill_holes(np.zeros((5, 6))).any()


# The table.


def height(table, points):
    """Of points (..., 3) of the optical frame over a table, m."""
    return points @ table.normal + table.away


@every_camera
def test_the_table_below_a_camera_is_what_it_sees_of_an_empty_one(seen_by):
    table = Table.below(seen_by)
    np.testing.assert_allclose(table.picture, picture(seen_by)[0], rtol=1e-6)
    assert table.away == pytest.approx(seen_by.view.eye[2])
    np.testing.assert_allclose(table.normal, seen_by.view.axes[:, 2], atol=1e-12)
    pixels = np.array([[0.0, 0.0], [100.5, 30.25]])
    at = table.depth(pixels)
    np.testing.assert_allclose(at[0], table.picture[0, 0])
    np.testing.assert_allclose(height(table, seen_by.intrinsics.deproject(pixels, at)), 0.0, atol=1e-12)


@every_camera
def test_heights_are_those_over_the_table(seen_by):
    points = np.random.default_rng(0).uniform([-0.1, -0.1, -0.05], [0.1, 0.1, 0.2], (20, 3))
    told = height(Table.below(seen_by), seen_by.view.to_camera(points))
    np.testing.assert_allclose(told, points[:, 2], atol=1e-12)


def tolerance(found, seen_by):
    """How far off, m, a table that was found is from the true one, at most."""
    return float(np.abs(found.picture - Table.below(seen_by).picture).max())


@every_camera
def test_the_table_is_found_under_objects(seen_by):
    depth, body = picture(seen_by, block((0.3, 0.2, 0.08), 0.05, 0.05), block(x=-0.15, y=-0.15, yaw=0.5))
    assert (body > 0).mean() > 0.05
    assert tolerance(find_table(depth, seen_by.intrinsics), seen_by) < 1e-5


@every_camera
def test_the_table_is_found_under_noise_and_holes(seen_by):
    rng = np.random.default_rng(1)
    depth, _ = picture(seen_by, block((0.12, 0.1, 0.05), 0.05, 0.05))
    noisy = DepthNoise(0.0, 0.004).apply(depth, rng)
    noisy[rng.random(noisy.shape) < 0.3] = 0.0
    noisy[:40, :100] = 0.0
    found = find_table(fill_holes(noisy), seen_by.intrinsics)
    assert tolerance(found, seen_by) < 0.003 and found.normal @ Table.below(seen_by).normal > 0.9999
    assert tolerance(find_table(noisy, seen_by.intrinsics), seen_by) < 0.003  # it looks at no holes


def test_the_table_is_the_plane_that_most_of_the_picture_shows():
    seen_by = camera(polar=0.0)
    depth = picture(seen_by)[0]
    depth[:, :100] = 0.45  # a shelf, seen as large as less than half of the picture
    assert tolerance(find_table(depth, seen_by.intrinsics), seen_by) < 1e-4
    depth[:, :220] = 0.45
    assert find_table(depth, seen_by.intrinsics).away == pytest.approx(0.45)


def test_there_is_no_table_where_no_plane_is_seen():
    i = Intrinsics(100.0, 100.0, 50.0, 50.0, 100, 100)
    rng = np.random.default_rng(0)
    assert find_table(rng.uniform(0.4, 2.0, (100, 100)), i) is None
    assert find_table(np.zeros((100, 100)), i) is None
    some = np.where(rng.random((100, 100)) < 0.05, 0.7, 0.0)
    assert find_table(some, i) is None  # too little of it


# What stands on it.


@pytest.mark.parametrize("noise, least", [(0.0, 0.8), (0.005, 0.6)])
@pytest.mark.parametrize("place", [{}, dict(azimuth=2.0, polar=0.5, roll=0.7), dict(distance=1.0, polar=0.0)])
def test_what_stands_on_the_table_is_what_is_marked(place, noise, least):
    seen_by = camera(480, 640, 525.0, **place)
    depth, body = picture(seen_by, block((0.05, 0.1, 0.04), 0.05, 0.05), block(x=-0.07, y=-0.05, yaw=0.5))
    noisy = DepthNoise(0.0, noise).apply(depth, np.random.default_rng(2))
    image = DepthImage.of(noisy, seen_by.intrinsics)
    assert overlap(image.mask, body > 0) > least and image.missing == 0.0
    assert overlap(DepthImage.of(noisy, seen_by.intrinsics, table=Table.below(seen_by)).mask, body > 0) > least


@pytest.mark.parametrize("noise", [0.0, 0.005])
@every_camera
def test_nothing_stands_on_an_empty_table(seen_by, noise):
    depth = DepthNoise(0.0, noise).apply(picture(seen_by)[0], np.random.default_rng(3))
    assert not standing(depth, Table.below(seen_by)).any()


@pytest.mark.parametrize("seed", range(3))
def test_more_noise_than_cameras_have_does_not_stand_either(seed):
    seen_by = camera(480, 640, 525.0)
    depth = DepthNoise(0.0, 0.006).apply(picture(seen_by)[0], np.random.default_rng(seed))
    assert not standing(depth, Table.below(seen_by)).any()


def test_what_is_flat_or_a_speck_does_not_stand():
    seen_by = camera(polar=0.0)
    table = Table.below(seen_by)
    assert not standing(picture(seen_by, block((0.1, 0.1, 0.006)))[0], table).any()
    assert standing(picture(seen_by, block((0.1, 0.1, 0.012)))[0], table).any()
    depth = picture(seen_by)[0].copy()
    depth[100:102, 100:102] = 0.6
    assert not standing(depth, table).any()


def test_a_slanting_view_does_not_make_things_higher():
    for polar in (0.0, 0.8):
        seen_by = camera(polar=polar)
        # Along a slanting ray the depth changes by more than the height does.
        assert not standing(picture(seen_by, block((0.15, 0.15, 0.0065)))[0], Table.below(seen_by)).any()


@pytest.mark.parametrize("edges", [(241, 321), (240, 321), (65, 64)])
def test_pictures_of_odd_edges_are_marked_too(edges):
    seen_by = camera(*edges, focal=edges[1] * 0.8)
    depth, body = picture(seen_by, block((0.1, 0.1, 0.06)))
    mask = standing(depth, Table.below(seen_by))
    assert mask.shape == edges and overlap(mask, body > 0) > 0.45


def test_without_a_table_all_may_be_grasped():
    depth = np.random.default_rng(0).uniform(0.4, 2.0, (100, 100))
    image = DepthImage.of(depth, Intrinsics(100.0, 100.0, 50.0, 50.0, 100, 100))
    assert image.table is None and image.mask.all()


def test_a_mask_of_ones_own_counts():
    seen_by = camera()
    depth, body = picture(seen_by, block())
    mask = np.zeros(depth.shape, dtype=bool)
    mask[10:20, 10:20] = True
    image = DepthImage.of(depth, seen_by.intrinsics, mask)
    np.testing.assert_array_equal(image.mask, mask)
    assert image.table is not None


def test_what_is_missing_is_told_of_the_mask_or_of_the_picture_where_there_is_none():
    seen_by = camera()
    depth, body = picture(seen_by, block((0.1, 0.1, 0.04)))
    depth[:, :30] = 0.0
    assert DepthImage.of(depth, seen_by.intrinsics).missing == 0.0
    holes = np.argwhere(body > 0)[::2]
    depth[tuple(holes.T)] = 0.0
    image = DepthImage.of(depth, seen_by.intrinsics)
    assert image.missing == pytest.approx(0.5, abs=0.1) and (image.depth > 0.0).all()
    nothing = DepthImage.of(depth, seen_by.intrinsics, np.zeros(depth.shape, dtype=bool))
    assert nothing.missing == pytest.approx((depth == 0.0).mean())


def test_a_picture_of_holes_alone_is_all_missing():
    image = DepthImage.of(np.zeros((64, 64)), Intrinsics(60.0, 60.0, 32.0, 32.0, 64, 64))
    assert image.missing == 1.0 and image.table is None
