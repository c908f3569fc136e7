"""Planners of grasps and the mixture that they draw from, by networks whose judgement is known."""

import numpy as np
import pytest
import torch
from depth_pictures import BLOCK, block, camera, seen
from raters import Rule, Slow

from control_bench.errors import BadInput
from control_bench.grasping.crops import crops
from control_bench.grasping.gqcnn import make_network, quality
from control_bench.grasping.gripper import gripper_of
from control_bench.grasping.image_grasps import DEEP, ImageGrasps, antipodal_pairs, deepest, on_mask, surface
from control_bench.grasping.mixture import draw_from, fit_mixture
from control_bench.grasping.planners import (
    RATED_AT_ONCE,
    PlannerSettings,
    Rater,
    cross_entropy,
    nearby,
    rank,
)

pytestmark = pytest.mark.usefixtures("one_thread")
WSG50 = gripper_of("wsg50")
FINE = camera(480, 640, 525.0)


def planned(planner, image, network=None, seed=0, budget=np.inf, **settings):
    rater = Rater(network or Rule(), image, budget)
    planner(rater, WSG50, PlannerSettings(**settings), np.random.default_rng(seed))
    return rater


def drawn(image, count, seed=0):
    settings = PlannerSettings(friction=2.0)
    return antipodal_pairs(image, WSG50, settings, count, np.random.default_rng(seed))[0]


# The mixture.


def two_clusters(count=400, seed=0):
    """Points of two numbers, a third of them about (0, 0) and the others about (10, -4), of other spreads."""
    rng = np.random.default_rng(seed)
    few = rng.normal(0.0, 1.0, (count // 3, 2)) * (0.5, 1.0)
    more = rng.normal(0.0, 1.0, (count - count // 3, 2)) @ [[1.0, 0.8], [0.0, 0.6]] + (10.0, -4.0)
    return np.concatenate([few, more])


def test_a_mixture_finds_two_clusters():
    found = 0
    for seed in range(20):
        points = two_clusters(seed=seed)
        mixture = fit_mixture(points, 2, np.random.default_rng(seed))
        order, scale = np.argsort(mixture.weights), mixture.scales
        means = (mixture.centre + scale * mixture.means)[order]
        assert mixture.weights.sum() == pytest.approx(1.0)
        if not np.allclose(mixture.weights[order], [133 / 400, 267 / 400], atol=5e-4):
            continue  # two means that begin in one cluster take longer to part than there are steps
        found += 1
        np.testing.assert_allclose(means, [[0.0, 0.0], [10.0, -4.0]], atol=0.25)
        spreads = np.einsum("kij,klj->kil", mixture.factors, mixture.factors)[order] * scale[:, None] * scale
        least = 0.01 * np.diag(scale**2)  # which is added to every variance
        for spread, members in zip(spreads, (points[:133], points[133:]), strict=True):
            np.testing.assert_allclose(spread, np.cov(members.T, bias=True) + least, atol=0.15)
    assert found >= 12


def test_what_is_drawn_is_like_what_was_fitted():
    points, rng = two_clusters(), np.random.default_rng(1)
    again = draw_from(fit_mixture(points, 2, rng), 20_000, rng)
    assert again.shape == (20_000, 2)
    np.testing.assert_allclose(again.mean(axis=0), points.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(again.T), np.cov(points.T), rtol=0.06, atol=0.2)
    right = again[again[:, 0] > 5.0]
    assert len(right) / len(again) == pytest.approx(2 / 3, abs=0.03)
    assert np.corrcoef(right.T)[0, 1] == pytest.approx(0.8, abs=0.12)


@pytest.mark.parametrize("points", [np.ones((5, 3)), np.arange(6.0).reshape(2, 3), np.zeros((2, 1))])
def test_points_that_are_alike_or_few_are_fitted_too(points):
    rng = np.random.default_rng(0)
    for components in (0, 1, 2):
        again = draw_from(fit_mixture(points, components, rng), 50, rng)
        assert np.isfinite(again).all()
        assert np.abs(again - points.mean(axis=0)).max() < 6.0 * max(points.std(axis=0).max(), 1e-6)


# The rater.


def test_a_rater_tells_the_networks_qualities_of_crops_and_keeps_them():
    torch.manual_seed(0)
    network, image = make_network("small").eval(), seen(FINE, block())
    grasps = drawn(image, 150)
    rater = Rater(network, image, np.inf)
    first, second = rater.rate(grasps[:100]), rater.rate(grasps[100:])
    told = [torch.as_tensor(one, dtype=torch.float32) for one in (grasps.pixels, grasps.angles, grasps.depths)]
    own = quality(network, crops(torch.as_tensor(image.depth), *told, 525.0), told[2]).numpy()
    np.testing.assert_allclose(np.concatenate([first, second]), own, atol=1e-6)
    best, qualities = rater.best()
    order = np.argsort(-own, kind="stable")
    np.testing.assert_allclose(qualities, own[order], atol=1e-6)
    np.testing.assert_array_equal(best.pixels, grasps.pixels[order])


def test_no_grasps_have_no_qualities():
    rater = Rater(Rule(), seen(FINE), np.inf)
    assert rater.rate(ImageGrasps.none()).shape == (0,) and len(rater.best()[0]) == 0


@pytest.fixture
def clock(monkeypatch):
    """The time, s, as a list of one number."""
    now = [50.0]
    monkeypatch.setattr("control_bench.grasping.planners.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("budget, batches", [(0.5, 1), (1.5, 2), (2.0, 2), (0.0, 1), (np.inf, 4)])
def test_a_rater_stops_when_time_is_over_but_rates_a_few_however_late_it_is(clock, budget, batches):
    image = seen(FINE, block())
    rater = Rater(slow := Slow(clock, 1.0), image, budget)
    grasps = drawn(image, 4 * RATED_AT_ONCE)
    assert len(grasps) == 4 * RATED_AT_ONCE
    assert len(rater.rate(grasps)) == len(rater.grasps) == batches * RATED_AT_ONCE
    assert slow.batches == [RATED_AT_ONCE] * batches
    if np.isfinite(budget):
        assert len(rater.rate(grasps)) == 0  # and no more later


@pytest.mark.parametrize("planner", [rank, cross_entropy])
def test_planners_keep_their_budget_within_one_batch(clock, planner):
    rater = planned(planner, seen(FINE, block()), Slow(clock, 0.2), budget=0.7, seeds=500, samples=500)
    assert clock[0] - 50.0 <= 0.7 + 0.2 + 1e-9 and len(rater.grasps) == 4 * RATED_AT_ONCE


# Planners.


@pytest.mark.parametrize("planner", [rank, cross_entropy])
@pytest.mark.parametrize("yaw", [0.0, 1.0])
def test_a_block_is_gripped_across_its_narrow_side(planner, yaw):
    best, qualities = planned(planner, seen(FINE, block((*BLOCK[:2], 0.05), 0.05, 0.03, yaw))).best()
    ((x, y, z, turned),) = best[:1].placed(FINE)
    away = np.array([x - 0.05, y - 0.03])
    across, along = away @ [np.cos(yaw), np.sin(yaw)], away @ [-np.sin(yaw), np.cos(yaw)]
    assert qualities[0] > 0.7 and abs(across) < 0.01 and abs(along) < 0.03
    assert abs(np.cos(turned - yaw)) > 0.95 and 0.0149 < z < 0.046


@pytest.mark.parametrize("planner", [rank, cross_entropy])
def test_as_many_grasps_are_rated_as_the_settings_tell(planner):
    rater = planned(planner, seen(FINE, block()), seeds=60, samples=40, iterations=2)
    assert len(rater.grasps) == 140 if planner is rank else 60 < len(rater.grasps) <= 140


def test_later_rounds_of_the_cross_entropy_method_are_better_than_the_first():
    image = seen(FINE, block(yaw=0.4), block((0.04, 0.04, 0.06), 0.1, 0.1, 0.2))
    gains = []
    for seed in range(5):
        rounds = []
        rater = Rater(Rule(), image, np.inf)
        rate = rater.rate
        rater.rate = lambda grasps, rate=rate, rounds=rounds: rounds.append(rate(grasps)) or rounds[-1]
        cross_entropy(rater, WSG50, PlannerSettings(friction=2.0), np.random.default_rng(seed))
        assert len(rounds) == 4 and [len(one) > 20 for one in rounds] == [True] * 4
        gains.append([one.mean() for one in rounds])
    gains = np.mean(gains, axis=0)
    assert gains[1] > gains[0] + 0.02 and (np.diff(gains) > -0.005).all() and gains[3] > gains[1]


@pytest.mark.parametrize("planner", [rank, cross_entropy])
def test_grasps_are_on_what_may_be_grasped_and_not_in_the_table(planner):
    image = seen(FINE, block((0.03, 0.06, 0.02)), block(x=0.1, yaw=0.5))
    grasps = planned(planner, image).grasps
    assert on_mask(image, grasps.pixels).all() and len(grasps) > 300
    assert (grasps.depths <= deepest(image, grasps.pixels, WSG50) + 1e-9).all()


@pytest.mark.parametrize("planner", [rank, cross_entropy])
def test_a_plan_is_the_same_for_one_seed_and_another_for_another(planner):
    image = seen(FINE, block())
    one, again, other = (planned(planner, image, seed=seed).grasps for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.pixels, again.pixels)
    np.testing.assert_array_equal(one.depths, again.depths)
    assert not np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("planner", [rank, cross_entropy])
def test_nothing_to_grasp_gives_no_grasps(planner):
    assert len(planned(planner, seen(FINE)).grasps) == 0


def test_a_few_seeds_are_enough():
    for seeds in (1, 2, 7, 8):
        assert len(planned(cross_entropy, seen(FINE, block()), seeds=seeds).grasps) >= seeds


def test_grasps_nearby_are_shifted_and_turned_by_their_deviations_and_stay_between_surface_and_table():
    image = seen(FINE, block((0.12, 0.12, 0.06)))
    one = ImageGrasps(np.array([[319.5, 239.5]]), np.array([0.5]), np.array([0.66]))
    many = nearby(image, one, WSG50, 4000, 3.0, 0.07, np.random.default_rng(0))
    assert len(many) == 4000
    np.testing.assert_allclose((many.pixels - one.pixels).std(axis=0), 3.0, rtol=0.05)
    assert (many.angles - 0.5).std() == pytest.approx(0.07, rel=0.05)
    assert np.mean(np.isclose(many.depths, 0.66)) == pytest.approx(0.5, abs=0.05)
    near = surface(image, many.pixels)
    assert (many.depths >= near - 1e-9).all() and (many.depths <= near + DEEP[1] + 1e-9).all()
    for depth, limit in ((0.5, near), (0.9, deepest(image, many.pixels, WSG50))):  # in the air, and in the table
        outside = nearby(image, ImageGrasps(one.pixels, one.angles, np.array([depth])), WSG50, 4000, 3.0, 0.07,
                         np.random.default_rng(0))  # fmt: skip
        assert np.isclose(outside.depths, limit).mean() == pytest.approx(0.5, abs=0.05) and depth not in outside.depths
    edge = np.argwhere(image.mask)[0][::-1].astype(float)
    beside = nearby(image, ImageGrasps(edge[None], np.zeros(1), np.array([0.66])), WSG50, 500, 3.0, 0.0,
                    np.random.default_rng(0))  # fmt: skip
    assert 0 < len(beside) < 400 and on_mask(image, beside.pixels).all()


@pytest.mark.parametrize(
    "name, value", [("seeds", 0), ("samples", 0), ("components", 0), ("budget", 0.0), ("iterations", -1),
                    ("elite", 0.0), ("elite", 1.1), ("friction", 0.0)],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        PlannerSettings(**{name: value})
