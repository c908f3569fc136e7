"""The camera: pixels and depths by hand and by the geometry of rays, and who hides whom."""

import math

import numpy as np
import pytest
from grasp_shapes import box, first_crossing, hull
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.errors import BadInput
from control_bench.grasping.camera import NEAR, PRIMESENSE, Camera, Intrinsics, Viewpoint
from control_bench.grasping.objects import load_object
from control_bench.grasping.rays import Rays

SMALL = Intrinsics(90.0, 80.0, 30.3, 25.8, 50, 60)
"""Pixels that are not square, and a middle that is none of the picture's."""
EIGHT = Intrinsics(100.0, 100.0, 16.0, 16.0, 33, 33)
ABOVE = Viewpoint.around(1.0, 0.0, 0.0)
angles = st.floats(-np.pi, np.pi)
views = st.builds(Viewpoint.around, st.floats(0.3, 2.0), angles, st.floats(0.0, 1.0), angles)


def pixels_of(intrinsics):
    """The centres (height, width, 2) of all pixels: column and row."""
    return np.stack(np.meshgrid(np.arange(intrinsics.width), np.arange(intrinsics.height)), axis=-1)


def rays_of(camera):
    """Through all pixels' centres, in the world: origins and directions (n, 3), each as long as a metre of depth."""
    points = camera.intrinsics.deproject(pixels_of(camera.intrinsics), np.ones(pixels_of(camera.intrinsics).shape[:2]))
    ends = camera.view.to_world(points.reshape(-1, 3))
    return np.broadcast_to(camera.view.eye, ends.shape), ends - camera.view.eye


def test_a_pixel_and_a_depth_by_hand():
    # A camera a metre over the table, looking down: its right is the world's y, its down the world's x.
    point = ABOVE.to_camera(np.array([0.1, 0.2, 0.5]))
    np.testing.assert_allclose(point, (0.2, 0.1, 0.5), atol=1e-15)
    np.testing.assert_allclose(PRIMESENSE.project(point), (319.5 + 525.0 * 0.4, 239.5 + 525.0 * 0.2))
    np.testing.assert_allclose(PRIMESENSE.deproject(np.array([529.5, 344.5]), 0.5), (0.2, 0.1, 0.5))


@given(st.tuples(st.floats(-700.0, 700.0), st.floats(-700.0, 700.0)), st.floats(0.05, 10.0))
def test_what_is_projected_is_deprojected(pixel, depth):
    pixel = np.array(pixel)
    point = SMALL.deproject(pixel, depth)
    assert point[2] == depth
    np.testing.assert_allclose(SMALL.project(point), pixel, atol=1e-9)
    many = SMALL.deproject(np.tile(pixel, (2, 3, 1)), np.full((2, 3), depth))
    assert many.shape == (2, 3, 3) and (many == point).all() and SMALL.project(many).shape == (2, 3, 2)


@given(st.integers(-20, 20), st.integers(-20, 20), st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)))
def test_a_window_sees_a_point_so_much_further_left_and_up(left, top, place):
    point = np.array([*place, 1.0])
    window = SMALL.cropped(left, top, 7, 9)
    assert (window.width, window.height) == (7, 9)
    np.testing.assert_allclose(window.project(point), SMALL.project(point) - (left, top), atol=1e-9)


@pytest.mark.parametrize(
    "wrong", [(0, 1, 0, 0, 1, 1), (1, -1, 0, 0, 1, 1), (1, 1, math.nan, 0, 1, 1), (1, math.inf, 0, 0, 1, 1)]
)
def test_focal_lengths_are_above_0(wrong):
    with pytest.raises(BadInput, match="focal lengths"):
        Intrinsics(*wrong)


@pytest.mark.parametrize("height, width", [(0, 1), (1, 0)])
def test_a_picture_has_pixels(height, width):
    with pytest.raises(BadInput, match=f"a picture of {height} x {width}"):
        Intrinsics(1.0, 1.0, 0.0, 0.0, height, width)


@given(views, st.tuples(*[st.floats(-1.0, 1.0)] * 3))
def test_a_viewpoints_axes_are_right_handed_and_undone(view, point):
    np.testing.assert_allclose(view.axes @ view.axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(view.axes[0], view.axes[1]), view.axes[2], atol=1e-12)
    np.testing.assert_allclose(view.to_world(view.to_camera(np.array(point))), point, atol=1e-12)


@given(st.floats(0.3, 2.0), angles, st.floats(0.01, 1.5), angles)
def test_a_viewpoint_looks_at_the_middle_of_the_table(radius, azimuth, polar, roll):
    view = Viewpoint.around(radius, azimuth, polar)
    np.testing.assert_allclose(view.to_camera(np.zeros(3)), (0.0, 0.0, radius), atol=1e-12)
    spherical = (math.sin(polar) * math.cos(azimuth), math.sin(polar) * math.sin(azimuth), math.cos(polar))
    np.testing.assert_allclose(view.eye, radius * np.array(spherical), atol=1e-12)
    assert view.axes[0, 2] == 0.0 and view.axes[1, 2] < 0.0  # upright
    # Rolled clockwise about where it looks, so that what it sees turns the other way.
    rolled = Viewpoint.around(radius, azimuth, polar, roll)
    seen = rolled.to_camera(view.to_world(np.array([1.0, 0.0, 1.0])))
    np.testing.assert_allclose(seen, (math.cos(roll), -math.sin(roll), 1.0), atol=1e-12)


def test_the_tables_depth_is_exact():
    camera = Camera(SMALL, Viewpoint.around(0.7, 0.4, 0.3, 0.2))
    depth, body = camera.render(np.empty((0, 3)), np.empty((0, 3), int))
    assert depth.shape == (50, 60) and (depth > 0.0).all() and not body.any()
    points = camera.view.to_world(SMALL.deproject(pixels_of(SMALL), depth))
    np.testing.assert_allclose(points[..., 2], 0.0, atol=1e-15)


def test_beyond_the_horizon_there_is_nothing():
    camera = Camera(SMALL, Viewpoint.around(0.7, 0.4, 1.4))
    depth = camera.render(np.empty((0, 3)), np.empty((0, 3), int))[0]
    down = rays_of(camera)[1][:, 2].reshape(depth.shape)
    assert 0 < (depth == 0.0).sum() < depth.size
    np.testing.assert_array_equal(depth > 0.0, down < 0.0)


def scenes(count):
    """Objects over the table as cameras see them: vertices, faces, and the camera."""
    rng = np.random.default_rng(0)
    for number in range(count):
        obj = hull(number, 0.15) if number % 2 else load_object(f"random/{number:03d}")
        vertices = obj.vertices * 2.0 + [*rng.uniform(-0.05, 0.05, 2), 0.25]
        view = Viewpoint.around(rng.uniform(0.6, 1.0), *rng.uniform((-3.0, 0.0, -3.0), (3.0, 1.0, 3.0)))
        yield vertices, obj.faces, Camera(SMALL, view)


def test_pictures_are_what_rays_through_the_pixels_centres_meet():
    drawn = 0
    for vertices, faces, camera in scenes(8):
        depth, body = camera.render(vertices, faces)
        empty = camera.render(vertices, faces[:0])[0]
        face, way = first_crossing(vertices[faces], *rays_of(camera))
        hit = (face >= 0).reshape(depth.shape)
        np.testing.assert_array_equal(body == 1, hit)
        np.testing.assert_allclose(depth[hit], way.reshape(depth.shape)[hit], rtol=0.0, atol=1e-9)
        np.testing.assert_array_equal(depth[~hit], empty[~hit])
        drawn += hit.sum()
    assert drawn > 2000


class Placed:
    """What Rays asks of an object."""

    def __init__(self, triangles):
        self.triangles = triangles


def test_pictures_are_what_embree_sees():
    drawn = []
    for vertices, faces, camera in scenes(8):
        camera = Camera(Intrinsics(525.0, 525.0, 159.5, 119.5, 240, 320), camera.view)
        depth, body = camera.render(vertices, faces)
        origins, directions = rays_of(camera)
        long = np.linalg.norm(directions, axis=1)
        face, way = Rays(Placed(vertices[faces])).first(origins, directions / long[:, None], 10.0)
        hit = (face >= 0).reshape(depth.shape)
        assert np.count_nonzero(hit != (body == 1)) <= 3  # its rays are single floats: an edge can fall either way
        both = hit & (body == 1)
        drawn.append(np.abs(depth - (way / long).reshape(depth.shape))[both])
    off = np.concatenate(drawn)
    assert len(off) > 50_000 and np.quantile(off, 0.999) < 1e-6


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearer_body_hides_the_farther_whichever_is_drawn_first(order):
    near, far = box(0.1, 0.1, 0.02), box(0.3, 0.3, 0.02)
    several = [(near, 0.5, 7), (far, 0.3, 4)][::order]
    vertices = np.concatenate([obj.vertices + [0.0, 0.0, height] for obj, height, _ in several])
    faces = np.concatenate([several[0][0].faces, several[1][0].faces + len(several[0][0].vertices)])
    bodies = np.repeat([number for *_, number in several], 12).astype(np.int32)
    depth, body = Camera(EIGHT, ABOVE).render(vertices, faces, bodies)
    assert set(np.unique(body)) == {4, 7}  # the table is behind them
    # The upper plate's top is 490 mm away, so that its 100 mm are 20.4 pixels.
    rows = np.abs(np.arange(33) - 16) <= 10
    np.testing.assert_array_equal(body == 7, np.outer(rows, rows))
    np.testing.assert_allclose(depth[body == 7], 0.49)
    np.testing.assert_allclose(depth[body == 4], 0.69)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, np.pi / 4, np.pi / 2, 1.0]), st.integers(-4, 4))
def test_a_surface_has_no_cracks_where_triangles_meet(seed, azimuth, aside):
    # A fan whose edges run through pixels' centres, or nearly.
    rng = np.random.default_rng(seed)
    ring = 0.12 * np.array([(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)])
    corners = np.column_stack([np.vstack([ring, [[0.009 * aside, 0.0]]]), np.full(9, 0.1)])
    faces = np.array([np.roll([i, (i + 1) % 8, 8], rng.integers(3)) for i in rng.permutation(8)])
    camera = Camera(EIGHT, Viewpoint.around(1.0, azimuth, 0.0))
    depth, body = camera.render(corners, faces)
    xy = camera.view.to_world(EIGHT.deproject(pixels_of(EIGHT), np.full(depth.shape, 0.9)))[..., :2]
    within = (np.abs(xy) < 0.12 - 1e-9).all(axis=-1)
    assert within.sum() > 400 and (body[within] == 1).all()
    np.testing.assert_allclose(depth[within], 0.9)


def test_what_is_too_near_or_behind_is_not_seen():
    corners = np.array([(-9.0, -9.0, 0.0), (9.0, -9.0, 0.0), (0.0, 18.0, 0.0)])
    for distance, seen in ((NEAR + 1e-6, True), (NEAR - 1e-6, False), (-0.5, False)):
        depth, body = Camera(EIGHT, ABOVE).render(corners + [0.0, 0.0, 1.0 - distance], np.array([[0, 1, 2]]))
        np.testing.assert_array_equal(body, int(seen))
        np.testing.assert_allclose(depth, distance if seen else 1.0)


def test_a_triangle_that_comes_too_near_is_not_seen_at_all():
    far = np.array([(-9.0, -9.0, 0.5), (9.0, -9.0, 0.5), (0.0, 18.0, 0.5)])
    for heights, seen in (((0.7, 0.7, 1.01 - NEAR), False), ((0.7, 0.7, 0.99 - NEAR), True)):
        near = np.column_stack([0.1 * far[:, :2], heights])
        depth, _ = Camera(EIGHT, ABOVE).render(np.concatenate([far, near]), np.array([[0, 1, 2], [3, 4, 5]]))
        assert (depth < 0.49).any() == seen and depth.max() <= 0.5 + 1e-12


def test_faces_are_seen_from_either_side():
    corners = np.array([(-9.0, -9.0, 0.5), (9.0, -9.0, 0.5), (0.0, 18.0, 0.5)])
    for face in ([0, 1, 2], [0, 2, 1]):
        assert (Camera(EIGHT, ABOVE).render(corners, np.array([face]))[1] == 1).all()
