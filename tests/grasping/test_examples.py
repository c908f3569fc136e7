"""The generative model: scenes and grasps as its settings say, and columns that mean what they say."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from grasp_shapes import box, lying

from control_bench.errors import BadInput
from control_bench.grasping import examples
from control_bench.grasping.camera import PRIMESENSE, Viewpoint
from control_bench.grasping.crops import crops
from control_bench.grasping.examples import KINDS, ExampleSettings, Scene, draw_examples, draw_grasps, draw_scene
from control_bench.grasping.grasps import lowest
from control_bench.grasping.gripper import GRIPPERS
from control_bench.grasping.objects import load_object

NAMES = ["random/000", "jenga", "duck"]
BAR = box(0.03, 0.16, 0.04)
"""Whose sides are all that jaws fit around."""
WIDE = box(0.1, 0.1, 0.1)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def fixed(monkeypatch):
    """The bar, as it lies turned on the table, seen by one camera: draws examples of that."""
    view = Viewpoint.around(0.7, 1.0, 0.12 * math.pi)
    scene = Scene(BAR, lying(BAR), 0.5, np.array([0.04, -0.03]), view)
    monkeypatch.setattr(examples, "draw_scene", lambda *_: scene)
    return scene, lambda settings, count, seed=0: draw_examples(["bar"], settings, count, rng(seed), lambda name: BAR)


def grip_points(scene, drawn):
    """Where the grip points are in the grasps' frame (n, 3), by the pixel and depth columns."""
    world = scene.view.to_world(PRIMESENSE.deproject(drawn["pixel"], drawn["depth"]))
    cos, sin = math.cos(scene.yaw), math.sin(scene.yaw)
    return (world - [*scene.place, 0.0]) @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def test_scenes_are_drawn_from_the_ranges_that_the_settings_tell():
    s = ExampleSettings(near=0.5, far=0.9, steep=0.1, flat=0.5, spread=0.07)
    drawing = rng()
    scenes = [draw_scene(load_object("jenga"), s, drawing) for _ in range(400)]
    eyes = np.array([scene.view.eye for scene in scenes])
    radii = np.linalg.norm(eyes, axis=1)
    drawn = {
        "radius": (radii, 0.5, 0.9), "polar": (np.arccos(eyes[:, 2] / radii), 0.1, 0.5),
        "azimuth": (np.arctan2(eyes[:, 1], eyes[:, 0]), -np.pi, np.pi),
        "yaw": (np.array([scene.yaw for scene in scenes]), 0.0, 2 * np.pi),
        "x": (np.array([scene.place[0] for scene in scenes]), -0.07, 0.07),
        "y": (np.array([scene.place[1] for scene in scenes]), -0.07, 0.07),
    }  # fmt: skip
    for name, (values, low, high) in drawn.items():
        assert low <= values.min() and values.max() <= high, name
        assert np.histogram(values, 4, (low, high))[0] == pytest.approx(100, abs=40), name
    assert len({id(scene.pose) for scene in scenes}) > 2


def test_a_scene_shows_the_object_where_it_lies(fixed):
    scene, _ = fixed
    corner = scene.to_world(np.array([0.015, 0.08, 0.04]))
    cos, sin = math.cos(0.5), math.sin(0.5)
    by_hand = (0.015 * cos - 0.08 * sin + 0.04, 0.015 * sin + 0.08 * cos - 0.03, 0.04)
    np.testing.assert_allclose(corner, by_hand)
    depth = scene.depth()
    assert depth.shape == (480, 640) and (depth > 0.0).all()
    heights = scene.view.to_world(
        PRIMESENSE.deproject(np.stack(np.meshgrid(np.arange(640), np.arange(480)), axis=-1), depth)
    )[..., 2]
    assert heights.max() == pytest.approx(0.04, abs=1e-9)
    middle = PRIMESENSE.project(scene.view.to_camera(np.array([0.04, -0.03, 0.04]))).round().astype(int)
    assert heights[middle[1], middle[0]] == pytest.approx(0.04)


@pytest.mark.parametrize(
    "antipodal, shaken, expected", [(0.5, 0.25, (10, 5, 5)), (0.0, 1.0, (0, 20, 0)), (0.3, 0.0, (6, 0, 14))]
)
def test_an_image_has_grasps_of_each_kind_by_their_shares(fixed, antipodal, shaken, expected):
    scene, _ = fixed
    settings = ExampleSettings(antipodal=antipodal, shaken=shaken)
    grasps, kinds = draw_grasps(scene, settings, GRIPPERS["wsg50"], rng())
    assert tuple(np.bincount(kinds, minlength=len(KINDS))) == expected and len(grasps) == 20
    pairs = grasps[kinds == 0]
    np.testing.assert_allclose(pairs.centres[:, 0], 0.0, atol=1e-6)  # between the bar's long sides
    assert (np.abs(grasps[kinds == 1].centres[:, 0]) > 1e-5).all()
    assert (grasps.centres[:, 2] >= lowest(GRIPPERS["wsg50"])).all()


@pytest.mark.parametrize("per_image", [1, 2, 3, 5, 7])
def test_shares_that_do_not_come_out_even_are_still_of_so_many(fixed, per_image):
    settings = ExampleSettings(antipodal=0.5, shaken=0.5, per_image=per_image)
    assert len(draw_grasps(fixed[0], settings, GRIPPERS["wsg50"], rng())[0]) == per_image


def test_an_object_without_antipodal_grasps_still_has_others():
    scene = Scene(WIDE, lying(WIDE), 0.0, np.zeros(2), Viewpoint.around(0.7, 0.0, 0.2))
    _, kinds = draw_grasps(scene, ExampleSettings(), GRIPPERS["wsg50"], rng())
    assert kinds.tolist() == [2] * 5


def test_pixel_and_depth_are_where_the_grip_point_is(fixed):
    scene, draw = fixed
    drawn = draw(ExampleSettings(), 200)
    points = grip_points(scene, drawn)
    np.testing.assert_allclose(points[:, 2], drawn["height"], atol=2e-6)
    pairs = drawn["kind"] == 0
    assert pairs.sum() > 50
    np.testing.assert_allclose(points[pairs, 0], 0.0, atol=2e-6)
    assert (np.abs(points[pairs, 1]) < 0.081).all() and (np.abs(points[drawn["kind"] == 2, :2]) < 0.101).all()


def test_the_angle_is_that_of_the_jaws_axis_in_the_picture(fixed):
    scene, draw = fixed
    drawn = draw(ExampleSettings(sampling_friction=0.01, antipodal=1.0, shaken=0.0), 60)
    points = grip_points(scene, drawn)
    ends = np.stack([points - [0.01, 0.0, 0.0], points + [0.01, 0.0, 0.0]], axis=1)  # across the bar
    pixels = PRIMESENSE.project(scene.view.to_camera(scene.to_world(ends)))
    across = pixels[:, 1] - pixels[:, 0]
    off = drawn["angle"] - np.arctan2(across[:, 1], across[:, 0])
    np.testing.assert_allclose(np.sin(off), 0.0, atol=0.02)
    assert (np.abs(drawn["angle"]) <= np.pi / 2 + 1e-6).all()


def test_crops_are_of_the_noiseless_picture_around_the_grip_point(fixed):
    scene, draw = fixed
    drawn = draw(ExampleSettings(), 40)
    told = [torch.tensor(drawn[name]) for name in ("pixel", "angle", "depth")]
    expected = crops(torch.tensor(scene.depth(), dtype=torch.float32), *told, PRIMESENSE.fx).numpy()
    np.testing.assert_allclose(drawn["crop"], expected, atol=2e-4)  # of float16


def test_a_crop_shows_the_objects_top_above_the_grip_point_and_its_width_along_the_rows(fixed):
    scene, draw = fixed
    drawn = draw(ExampleSettings(sampling_friction=0.01, antipodal=1.0, shaken=0.0), 100)
    points = grip_points(scene, drawn)
    inner = np.abs(points[:, 1]) < 0.06
    # A ray from the eye to the grip point passes the top's height that much sooner.
    sooner = drawn["depth"] * (0.04 - drawn["height"]) / (scene.view.eye[2] - drawn["height"])
    middles = drawn["crop"][:, 15:17, 15:17].astype(float).mean(axis=(1, 2))
    np.testing.assert_allclose(middles[inner], -sooner[inner], atol=3e-4)
    # The bar is 30 mm across, 160 mm along; what of its sides is seen makes it wider.
    top = np.abs(drawn["crop"].astype(float) + sooner[:, None, None])[inner] < 0.012
    across, along = top[:, 15].sum(axis=1), top[:, :, 15].sum(axis=1)
    assert (
        inner.sum() > 20 and (across >= 6).all() and (across <= 15).all() and (along >= 15).all() and along.mean() > 25
    )


def test_labels_are_shares_and_reached_grasps_of_a_thin_bar_close(fixed):
    _, draw = fixed
    drawn = draw(ExampleSettings(sampling_friction=0.2, object_translation=0.001, gripper_translation=0.001), 300)
    closure, pairs = drawn["force_closure"], drawn["kind"] == 0
    np.testing.assert_allclose(closure * 25, (closure * 25).round(), atol=1e-5)  # of 25 draws
    assert closure[pairs].mean() > 0.8 > closure[~pairs].mean()
    np.testing.assert_array_equal(drawn["epsilon"] > 0.0, closure > 0.0)
    assert drawn["collision_free"][pairs].mean() > 0.8 > drawn["collision_free"][drawn["kind"] == 2].mean()
    blocked = draw(ExampleSettings(sampling_friction=0.2, clearance=0.0101), 300)  # 10 mm are left on either side
    assert not blocked["collision_free"][blocked["kind"] == 0].any()


def test_one_seed_draws_the_same_examples():
    one, again, other = (draw_examples(NAMES, ExampleSettings(), 60, rng(seed)) for seed in (1, 1, 2))
    for name, values in one.items():
        np.testing.assert_array_equal(values, again[name])
    assert (one["depth"] != other["depth"]).all()


@pytest.mark.parametrize("count", [1, 20, 47])
def test_so_many_examples_as_asked_for(count):
    drawn = draw_examples(NAMES, ExampleSettings(), count, rng())
    assert {len(values) for values in drawn.values()} == {count}
    assert (np.diff(drawn["image"]) >= 0).all() and set(drawn["object"]) <= {0, 1, 2}
    for image in np.unique(drawn["image"]):
        of_it = drawn["image"] == image
        assert of_it.sum() <= 20 and len(set(drawn["object"][of_it])) == 1


def test_objects_are_drawn_as_often():
    drawn = draw_examples(NAMES, ExampleSettings(per_image=1, antipodal=0.0, shaken=0.0, draws=1), 150, rng())
    assert np.bincount(drawn["object"]) == pytest.approx(50, abs=22)


def test_objects_that_offer_nothing_are_told(monkeypatch):
    monkeypatch.setattr(Scene, "depth", lambda self: np.ones((480, 640)))  # which takes its time
    with pytest.raises(BadInput, match="none of them has a grasp"):
        draw_examples(["wide"], ExampleSettings(antipodal=1.0, shaken=0.0), 1, rng(), lambda name: WIDE)


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"gripper": "wsg"}, "did you mean 'wsg50'?"),
        ({"per_image": 0}, "per_image: 0 should be above 0"),
        ({"sampling_friction": 0.0}, "sampling_friction: 0.0 should be above 0"),
        ({"near": 0.0}, "near: 0.0 should be above 0"),
        ({"draws": 0}, "draws: 0 should be above 0"),
        ({"friction": -1.0}, "friction: -1.0 should be 0 or more"),
        ({"antipodal": 0.8, "shaken": 0.3}, "together at most 1"),
        ({"antipodal": -0.1}, "antipodal: -0.1 should be 0 or more"),
        ({"shift": -0.1}, "shift: -0.1 should be 0 or more"),
        ({"margin": -0.1}, "margin: -0.1 should be 0 or more"),
        ({"spread": -0.1}, "spread: -0.1 should be 0 or more"),
        ({"near": 0.8}, "the lesser first"),
        ({"steep": 1.0}, "the lesser first"),
        ({"flat": 1.1}, "flat: 1.1 should be below pi/3"),
    ],
    ids=str,
)
def test_settings_that_can_not_be_are_refused_by_their_name(wrong, told):
    with pytest.raises(BadInput) as refused:
        ExampleSettings(**wrong)
    assert told in str(refused.value)


def test_settings_can_be_told_apart():
    assert ExampleSettings() == ExampleSettings() != dataclasses.replace(ExampleSettings(), draws=24)
