"""What the network says of a whole picture is what it says of each grasp's own crop, and the best is found by it."""

import numpy as np
import pytest
import torch
from depth_pictures import BLOCK, block, camera, picture, seen
from raters import Rule

from control_bench.errors import BadInput
from control_bench.grasping import fully_convolutional as module
from control_bench.grasping.crops import METRES, PIXELS, crops
from control_bench.grasping.fully_convolutional import STEP, depth_steps, everywhere, fully_convolutional, span
from control_bench.grasping.gqcnn import make_network, quality
from control_bench.grasping.gripper import gripper_of
from control_bench.grasping.image_grasps import DEEP, ImageGrasps, deepest, surface
from control_bench.grasping.planners import PlannerSettings, Rater

pytestmark = pytest.mark.usefixtures("one_thread")
WSG50 = gripper_of("wsg50")


def planned(image, network=None, budget=np.inf, gripper=WSG50, seed=0):
    rater = Rater(network or Rule(), image, budget)
    fully_convolutional(rater, gripper, PlannerSettings(), np.random.default_rng(seed))
    return rater


# What is said of a place.


@pytest.mark.parametrize("height, width, focal", [(480, 640, 525.0), (240, 320, 262.5), (300, 400, 410.0)])
@pytest.mark.parametrize("depth", [0.62, 0.67, 0.7])
def test_a_place_is_judged_as_its_own_crop_is(height, width, focal, depth):
    torch.manual_seed(0)
    network = make_network("small").eval()
    seen_by = camera(height, width, focal)
    told = torch.as_tensor(picture(seen_by, block(yaw=0.3), block((0.05, 0.05, 0.02), 0.06, 0.05))[0])
    angles = np.array([0.0, 0.4, 1.5, 2.6])
    middle = seen_by.intrinsics.project(seen_by.view.to_camera(np.array([0.0, 0.0, 0.02])))
    around = middle + np.random.default_rng(0).uniform(-0.05, 0.05, (20, 2)) * focal / depth
    where, qualities = everywhere(network, told, focal, depth, angles, around)
    assert where.shape == (*qualities.shape, 2) and qualities.shape[0] == 4 and np.prod(qualities.shape[1:]) > 100
    for number, angle in enumerate(angles):
        pixels = torch.as_tensor(where[number].reshape(-1, 2), dtype=torch.float32)
        turned, deep = torch.full((len(pixels),), angle), torch.full((len(pixels),), depth)
        own = quality(network, crops(told, pixels, turned.float(), deep, focal), deep)
        np.testing.assert_allclose(qualities[number].ravel(), own.numpy(), atol=2e-5)
    assert np.ptp(qualities) > 0.05  # or they would all be alike


def test_places_are_in_rows_and_columns_turned_by_the_angle_and_cover_what_was_asked_about():
    network, focal, depth = make_network("small").eval(), 525.0, 0.65
    seen_by = camera(480, 640, focal)
    asked = np.array([[200.0, 150.0], [320.0, 180.0], [260.0, 230.0]])
    where, _ = everywhere(network, torch.as_tensor(picture(seen_by)[0]), focal, depth, np.array([0.0, 0.6]), asked)
    apart = network.stride * focal * METRES / PIXELS / depth
    for angle, places in zip((0.0, 0.6), where, strict=True):
        right, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        np.testing.assert_allclose(places[:, 1:] - places[:, :-1], np.broadcast_to(apart * right, places[:, 1:].shape))
        np.testing.assert_allclose(places[1:] - places[:-1], np.broadcast_to(apart * down, places[1:].shape))
        for pixel in asked:
            assert np.linalg.norm(places.reshape(-1, 2) - pixel, axis=1).min() < 0.75 * apart


# The best of all.


@pytest.mark.parametrize("yaw", [0.0, 0.7, -1.2])
@pytest.mark.parametrize("height, width, focal", [(480, 640, 525.0), (240, 320, 262.5)])
def test_a_block_is_gripped_across_its_narrow_side(yaw, height, width, focal):
    seen_by = camera(height, width, focal)
    image = seen(seen_by, block((*BLOCK[:2], 0.05), 0.03, -0.04, yaw))
    best, qualities = planned(image).best()
    ((x, y, z, turned),) = best[:1].placed(seen_by)
    away = np.array([x - 0.03, y + 0.04])
    across, along = away @ [np.cos(yaw), np.sin(yaw)], away @ [-np.sin(yaw), np.cos(yaw)]
    assert qualities[0] > 0.7 and abs(across) < 0.012 and abs(along) < 0.03
    assert abs(np.cos(turned - yaw)) > 0.85 and 0.0149 < z < 0.046
    # None of those that square to its sides and over its middle is thought to be better.
    ideal = seen_by.view.to_camera(np.array([[0.03, -0.04, 0.02]]) + 0.01 * np.array([[0, 0, 1], [0, 0, 0]]))
    side = seen_by.view.to_camera(np.array([0.03 + 0.01 * np.cos(yaw), -0.04 + 0.01 * np.sin(yaw), 0.02]))
    pixels = seen_by.intrinsics.project(np.stack([*ideal, side]))
    right, down = pixels[2] - pixels[1]
    rater = Rater(Rule(), image, np.inf)
    assert qualities[0] > rater.rate(ImageGrasps(pixels[:2], np.full(2, np.arctan2(down, right)), ideal[:, 2])).max()
    assert (np.diff(qualities) <= 0.0).all()


def test_of_two_blocks_the_one_that_the_network_thinks_more_of_is_taken():
    seen_by = camera(480, 640, 525.0)
    image = seen(seen_by, block((0.045, 0.06, 0.04), 0.08), block((0.02, 0.06, 0.04), -0.08))
    ((x, *_),) = planned(image).best()[0][:1].placed(seen_by)
    assert x == pytest.approx(-0.08, abs=0.02)


def test_grasps_are_on_what_may_be_grasped_and_not_in_the_table():
    image = seen(camera(480, 640, 525.0), block((0.03, 0.12, 0.02)))
    # Of one end, from where the rest looks better.
    image = image.within(np.indices(image.mask.shape)[1] > 355)
    grasps = planned(image).grasps
    columns, rows = np.round(grasps.pixels).astype(int).T
    assert image.mask[rows, columns].all() and len(grasps) > 20
    assert (grasps.depths <= deepest(image, grasps.pixels, WSG50) + 1e-9).all()
    assert (grasps.depths >= surface(image, grasps.pixels) - 1e-9).all()


def test_nothing_to_grasp_gives_no_grasps():
    rater = planned(seen(camera()))
    assert len(rater.grasps) == 0 and len(rater.best()[0]) == 0


def test_a_network_that_is_not_of_convolutions_alone_is_refused():
    with pytest.raises(BadInput, match="set architecture=small"):
        planned(seen(camera(), block()), make_network("code"))


def test_a_budget_is_kept_and_whatever_was_seen_by_then_is_used(monkeypatch):
    clock, seen_depths = [100.0], []
    monkeypatch.setattr("control_bench.grasping.planners.time.monotonic", lambda: clock[0])
    spread = module.everywhere

    def slow(network, told, focal, depth, angles, pixels):
        clock[0] += 1.0
        seen_depths.append(depth)
        return spread(network, told, focal, depth, angles, pixels)

    monkeypatch.setattr(module, "everywhere", slow)
    image = seen(camera(), block((0.03, 0.06, 0.06)))
    assert len(planned(image, budget=1.5).grasps) and len(seen_depths) == 2
    seen_depths.clear()
    assert len(planned(image, budget=np.inf).grasps) and len(seen_depths) >= 3


# Depths that are looked at.


def test_depths_go_from_the_nearest_surface_to_the_deepest_grip_point():
    steps = depth_steps(np.array([0.60, 0.65]), np.array([0.64, 0.69]))
    np.testing.assert_allclose(np.diff(steps), STEP)
    assert steps[0] == pytest.approx(0.60 + STEP / 2.0) and 0.69 - STEP < steps[-1] < 0.69 + STEP / 2.0
    assert len(depth_steps(np.array([0.65]), np.array([0.651]))) == 1


def test_a_grip_point_is_below_the_surface_and_above_the_table():
    seen_by = camera(480, 640, 525.0, polar=0.0)
    for height, deep in ((0.03, 0.015), (0.1, DEEP[1])):
        near, far = span(seen(seen_by, block((0.05, 0.05, height))), np.array([[319.5, 239.5]]), WSG50)
        assert near[0] == pytest.approx(0.7 - height, abs=1e-4) and far[0] - near[0] == pytest.approx(deep, abs=1e-4)
