"""The renderer: its pictures are those of pybullet's TinyRenderer, and a camera is what it says."""

import numpy as np
import pybullet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from control_bench.dynamics.bullet import Bullet
from control_bench.tasks.balance import EYES, TARGET
from control_bench.worlds.boxes import Box, read_box, urdf
from control_bench.worlds.renderer import Camera, Renderer

FAR = 20.0
RED, GREEN = (0.9, 0.2, 0.1), (0.2, 0.7, 0.1)
METRES = st.floats(-3.0, 3.0)
UNIT = st.floats(-1.0, 1.0)


def both(**settings):
    """The task's two cameras."""
    return tuple(Camera(eye, TARGET, **settings) for eye in EYES)


def scene(cameras):
    return Renderer(cameras, (read_box("ground"),), (read_box("cart"), read_box("pole")))


def drawn(renderer, poses):
    pictures = np.full(renderer.shape, 7, np.uint8)  # what was there before
    renderer.draw(np.asarray(poses, dtype=float), pictures)
    return pictures


def at(position, turned=(0.0, 0.0, 0.0)):
    """A pose (7,), turned about x, y and z."""
    return np.array([*position, *Rotation.from_euler("xyz", turned).as_quat()])


def poses(rng, reach=0.35, tilt=0.3):
    """Of cart and pole, somewhere and leaning, with any heading."""
    where = [np.append(rng.uniform(-reach, reach, 2), height) for height in (0.075, 0.35)]
    return np.array([at(one, rng.uniform((-tilt, -tilt, -np.pi), (tilt, tilt, np.pi))) for one in where])


@pytest.fixture(scope="module")
def tiny():
    """Draws a scene of ground, cart and pole in pybullet, as a camera sees it."""
    bullet = Bullet()
    bodies = [bullet.loadURDF(str(urdf(name))) for name in ("ground", "cart", "pole")]

    def draw(camera, where):
        for body, pose in zip(bodies[1:], where, strict=True):
            bullet.resetBasePositionAndOrientation(body, pose[:3], pose[3:])
        view = bullet.computeViewMatrix(camera.eye, camera.target, (0, 0, 1))
        lens = bullet.computeProjectionMatrixFOV(camera.view, 1.0, camera.near, FAR)
        renderer = pybullet.ER_TINY_RENDERER
        picture = bullet.getCameraImage(camera.size, camera.size, view, lens, shadow=0, renderer=renderer)[2]
        return np.reshape(picture, (camera.size, camera.size, 4))[..., :3]

    yield draw
    bullet.disconnect()


# Pictures.


@pytest.mark.parametrize(
    ("lens", "about", "count"),
    [
        ({}, {}, 40),
        ({"near": 1.0}, {}, 20),  # the article's
        ({"size": 16}, {}, 20),
        ({"size": 33}, {}, 20),
        ({"size": 100}, {}, 6),
        ({}, {"reach": 2.0}, 30),  # partly out of view
        ({}, {"reach": 1.0, "tilt": 3.0}, 30),  # fallen
    ],
    ids=str,
)
def test_pictures_are_tiny_renderers_pixel_for_pixel(tiny, lens, about, count):
    cameras, rng = both(**lens), np.random.default_rng(0)
    renderer = scene(cameras)
    for _ in range(count):
        where = poses(rng, **about)
        expected = np.stack([tiny(camera, where) for camera in cameras])
        np.testing.assert_array_equal(drawn(renderer, where), expected)


def test_a_cart_and_a_pole_are_in_the_picture_of_both_cameras():
    pictures = drawn(scene(both()), [at((0, 0, 0.075)), at((0, 0, 0.35))]).astype(int)
    for picture in pictures:  # the floor is grey
        red, green, blue = picture.transpose(2, 0, 1)
        assert ((red > 2 * green) & (red > 2 * blue)).sum() > 50 and ((green > 2 * red) & (green > 2 * blue)).sum() > 20


def test_the_floor_is_as_bright_as_its_light_makes_it():
    towards = 100.0 / np.sqrt(50.0**2 + 30.0**2 + 100.0**2)  # of the light, upwards
    bright = int((0.6 + 0.35 * towards + 0.05 * towards**2) * int(0.3 * 255))
    picture = drawn(scene(both()[:1]), [at((3, 3, 3)), at((-3, 3, 3))])[0]  # neither is in view
    assert np.unique(picture[10:]).tolist() == [bright] and (picture[0] == 255).all()


def test_nothing_of_the_last_picture_stays():
    renderer, rng = scene(both()), np.random.default_rng(1)
    first, second = poses(rng), poses(rng)
    fresh = drawn(renderer, first)
    pictures = drawn(renderer, second)
    assert not np.array_equal(pictures, fresh)
    renderer.draw(first, pictures)
    np.testing.assert_array_equal(pictures, fresh)


@settings(deadline=None, max_examples=100)
@given(places=st.tuples(*[METRES] * 6), turns=st.tuples(*[UNIT] * 8), near=st.sampled_from([0.1, 1.0]))
def test_boxes_anywhere_can_be_drawn(places, turns, near):
    # Half out of view, behind a camera, about it, or cut by the near plane.
    turned = np.array(turns).reshape(2, 4) + [0.0, 0.0, 0.0, 1e-3]
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    where = np.concatenate([np.reshape(places, (2, 3)), turned], axis=1)
    cameras = both(size=16, near=near)
    pictures = drawn(scene(cameras), where)
    hidden = drawn(scene(cameras), [at((0, 0, -9)), at((0, 0, -9))])
    for camera, picture, empty in zip(cameras, pictures, hidden, strict=True):
        bodies = zip(("cart", "pole"), where, strict=True)
        corners = [corner for box, pose in bodies for corner in corners_of(box, pose)]
        ahead = (np.array(corners) - camera.eye) @ camera.axes()[2]
        if (ahead < near).all():
            np.testing.assert_array_equal(picture, empty)


def corners_of(name, pose):
    half = np.array(read_box(name).size) / 2
    signs = np.stack(np.meshgrid(*[(-1, 1)] * 3), axis=-1).reshape(-1, 3)
    return pose[:3] + Rotation.from_quat(pose[3:]).apply(signs * half)


# What hides what.

AHEAD = Camera((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), near=0.5, size=20)
"""Looks along x."""


def plates(*boxes):
    """A picture of red and green plates, 2 cm thick, whose faces are (distance, edge, colour) ahead of the camera."""
    made = tuple(Box("plate", (0.02, edge, edge), colour) for _, edge, colour in boxes)
    return drawn(Renderer((AHEAD,), (), made), [at((distance + 0.01, 0, 0)) for distance, _, _ in boxes])[0].astype(int)


def share(picture, channel):
    """Of the pixels that have a colour rather than the background's white."""
    return (picture[..., channel] > picture[..., 1 - channel]).mean()


def test_what_is_nearer_than_the_near_plane_is_not_seen():
    assert share(plates((0.501, 9.0, RED)), 0) == 1.0
    assert (plates((0.499, 9.0, RED)) == 255).all()


def test_the_near_plane_lies_across_the_cameras_axis():
    # A plate that covers the view is as far along the axis in its corners, though further away.
    assert share(plates((0.501, 0.2, RED)), 0) > 0
    assert share(plates((0.499, 9.0, RED), (0.6, 9.0, GREEN)), 1) == 1.0


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearer_box_hides_the_further_whichever_is_drawn_first(order):
    boxes = [(0.8, 0.3, RED), (0.9, 9.0, GREEN)][::order]
    picture = plates(*boxes)
    assert 0.05 < share(picture, 0) < 0.5 and share(picture, 0) + share(picture, 1) == 1.0
    assert share(plates((0.9, 0.3, RED), (0.8, 9.0, GREEN)), 1) == 1.0


def test_what_stands_still_hides_what_moves_behind_it():
    wall, behind = Box("wall", (0.1, 9.0, 9.0), GREEN), Box("box", (0.1, 0.3, 0.3), RED)
    eye = Camera((-2.0, 0.0, 0.0), (0.0, 0.0, 0.0), size=20)
    for distance, seen in ((0.5, False), (-0.5, True)):
        picture = drawn(Renderer((eye,), (wall,), (behind,)), [at((distance, 0, 0))])[0]
        assert (share(picture.astype(int), 0) > 0) == seen


def test_a_plate_covers_as_many_pixels_as_it_should():
    # At 1 m the view of 60 degrees is 2 tan(30) wide; 5.2 pixels to either side of the middle are 11 samples.
    picture = plates((1.0, 0.52 * 2 * np.tan(np.pi / 6), RED))
    assert (picture[..., 0] > picture[..., 1]).sum() == 11 * 11


# Cameras.


@settings(deadline=None)
@given(eye=st.tuples(METRES, METRES, METRES), target=st.tuples(METRES, METRES, METRES))
def test_a_cameras_axes_are_right_down_and_forward(eye, target):
    way = np.subtract(target, eye)
    if np.linalg.norm(way[:2]) < 1e-3:
        return  # straight up or down, where z is no side of a picture
    axes = Camera(eye, target).axes()
    right, down, forward = axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.cross(right, down), forward, atol=1e-9)
    np.testing.assert_allclose(forward, way / np.linalg.norm(way), atol=1e-9)
    assert abs(right[2]) < 1e-9 and down[2] < 0.0


def test_straight_down_y_is_up():
    axes = Camera((1.0, 2.0, 3.0), (1.0, 2.0, 0.0)).axes()
    np.testing.assert_array_equal(axes, [(1, 0, 0), (0, -1, 0), (0, 0, -1)])


@settings(deadline=None)
@given(view=st.floats(5.0, 150.0), size=st.integers(8, 1024))
def test_the_focal_length_puts_the_fields_edge_on_the_pictures_edge(view, size):
    camera = Camera((0, 0, 0), (1, 0, 0), view=view, size=size)
    assert camera.focal * np.tan(np.radians(view) / 2) == pytest.approx(size / 2)


def test_things_lie_where_the_axes_and_the_focal_length_say():
    rng, camera = np.random.default_rng(2), Camera(EYES[0], TARGET, size=200)
    renderer = Renderer((camera,), (), (Box("dot", (0.02, 0.02, 0.02), RED),))
    for _ in range(10):
        place = rng.uniform((-0.3, -0.3, 0.1), (0.3, 0.3, 0.5))
        right, down, ahead = camera.axes() @ (place - camera.eye)
        expected = 100 + camera.focal * np.array([down, right]) / ahead
        seen = np.argwhere((drawn(renderer, [at(place)])[0] < 255).any(axis=-1))
        np.testing.assert_allclose(seen.mean(axis=0) + [1.0, 0.0], expected, atol=0.7)  # a pixel's sample is its corner
