"""Why a picture offers no good grasp: each reason where it is the reason, and none where all is well."""

from dataclasses import replace

import numpy as np
import pytest
from depth_pictures import block, camera, picture, seen

from control_bench.grasping.advice import advise
from control_bench.grasping.camera import Intrinsics
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gripper import gripper_of

FINE = camera(480, 640, 525.0)
TRAINED = {"gripper": "wsg50", "near": 0.65, "far": 0.75}


def told(image, best=0.1, trained=TRAINED, opening=0.05):
    return advise(image, best, replace(gripper_of("wsg50"), opening=opening), trained)


def test_a_good_grasp_needs_no_advice():
    assert told(seen(FINE, block()), 0.5) == [] and told(seen(FINE), 0.9) == []


@pytest.mark.parametrize("best, words", [(None, "no grasp was found"), (0.32, "thought to succeed by 32%")])
def test_where_nothing_is_wrong_another_side_may_help(best, words):
    (advice,) = told(seen(FINE, block()), best)
    assert words in advice and "show it from another side" in advice


def test_an_empty_table_is_told_of():
    (advice,) = told(seen(FINE), None)
    assert "nothing stands on the table" in advice


def test_an_object_that_has_no_depth_at_all_may_be_where_there_is_none():
    depth, body = picture(FINE, block())
    (advice,) = told(DepthImage.of(np.where(body > 0, 0.0, depth), FINE.intrinsics), None)
    assert f"nothing stands on the table, unless it is in the {(body > 0).mean():.1%} without depth" in advice


def test_a_picture_without_depth_is_told_of_alone():
    image = DepthImage.of(np.zeros((480, 640)), FINE.intrinsics)
    (advice,) = told(image, None)
    assert "holds no depth at all" in advice


def test_a_picture_without_a_table_is_told_of():
    rng = np.random.default_rng(0)
    image = DepthImage.of(rng.uniform(0.4, 1.0, (480, 640)), FINE.intrinsics)
    assert "no table is seen" in told(image)[0]
    assert not any("no table" in one for one in told(seen(FINE, block())))


@pytest.mark.parametrize("share, is_told", [(0.1, False), (0.4, True)])
def test_missing_depth_is_told_of_where_much_is_missing(share, is_told):
    depth, body = picture(FINE, block((0.04, 0.08, 0.04)))
    depth[(body > 0) & (np.random.default_rng(0).random(depth.shape) < share)] = 0.0
    advice = told(DepthImage.of(depth, FINE.intrinsics))
    assert any("is missing depth" in one for one in advice) == is_told
    assert not is_told or 30 <= int(advice[0].split("%")[0]) <= 45


def test_a_picture_smaller_than_a_crop_is_told_of():
    image = DepthImage.of(np.full((20, 40), 0.7), Intrinsics(525.0, 525.0, 19.5, 9.5, 20, 40))
    assert any("20 x 40 is smaller than a crop" in one for one in told(image, None))


@pytest.mark.parametrize("distance, is_told", [(0.7, False), (0.58, False), (0.9, False), (0.5, True), (1.2, True)])
def test_another_distance_than_the_network_was_trained_for_is_told_of(distance, is_told):
    seen_by = camera(480, 640, 525.0 * distance / 0.7, distance=distance, polar=0.0)
    advice = told(seen(seen_by, block((0.04, 0.06, 0.02))))
    assert any("and the network was trained for 0.65 to 0.75 m" in one for one in advice) == is_told
    # Nobody knows what an untrained one was trained for.
    assert not any("trained" in one for one in told(seen(seen_by, block((0.04, 0.06, 0.02))), trained={}))


@pytest.mark.parametrize("focal, is_told", [(100.0, True), (300.0, False)])
def test_crops_of_few_pixels_are_told_of(focal, is_told):
    seen_by = camera(240, 320, focal, polar=0.0)
    advice = told(seen(seen_by, block((0.1, 0.1, 0.06))), trained={})
    assert any("bring the camera nearer" in one for one in advice) == is_told
    assert not is_told or any("surroundings are 20 pixels wide" in one for one in advice)  # 100 * 0.128 / 0.64


@pytest.mark.parametrize("opening, edge, is_told", [(0.05, 0.1, True), (0.08, 0.12, True), (0.08, 0.06, False)])
def test_an_object_wider_than_the_jaws_is_told_of_with_both_widths(opening, edge, is_told):
    advice = told(seen(camera(480, 640, 525.0, polar=0.0), block((edge, edge, 0.05))), None, opening=opening)
    wide = [one for one in advice if "cm wide where it is narrowest" in one]
    assert bool(wide) == is_told
    if is_told:
        width = float(wide[0].split("is ")[1].split(" cm")[0])
        assert width == pytest.approx(100.0 * edge, abs=2.0)
        assert f"the jaws open {100.0 * opening:.1f} cm" in wide[0]


def test_a_thing_without_opposite_edges_is_told_of():
    seen_by = camera(480, 640, 525.0, polar=0.0)
    image = seen(seen_by, block((0.1, 0.1, 0.05)))
    corner = np.zeros(image.mask.shape, dtype=bool)
    corner[230:250, 350:] = True  # one side of it alone may be grasped
    assert any("no two edges face away" in one for one in told(image.within(corner), None))
