"""Exploration: the article's numbers of the weighted pick, epsilon's frequencies, and both annealed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from control_bench.errors import BadInput
from control_bench.learning.exploration import ExplorationSettings, pick, weighted_pick_probabilities

ARTICLE = np.array([[6.8, 7.7, 3.9]])
FLOATS = st.floats(-1e100, 1e100, allow_subnormal=False)
VALUES = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=FLOATS)


def constant(**settings):
    """Settings whose rho or epsilon stays where it starts."""
    return ExplorationSettings(explore_end=settings["explore_start"], **settings)


@pytest.mark.parametrize(
    "rho, expected",
    [(1.0, [0.37, 0.42, 0.21]), (0.01, [0.3338, 0.3342, 0.3320]), (20.0, [0.0768, 0.9232, 0.0000]), (0.0, [1 / 3] * 3)],
)
def test_weighted_pick_gives_the_articles_numbers(rho, expected):
    digits = 2 if rho == 1.0 else 4
    np.testing.assert_allclose(weighted_pick_probabilities(ARTICLE, rho)[0], expected, atol=0.5 * 10.0**-digits)


def test_rows_with_a_negative_value_are_lifted_and_others_are_not():
    probabilities = weighted_pick_probabilities(np.array([[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]), 1.0)
    lifted = np.array([0.001, 1.001, 2.001])
    np.testing.assert_allclose(probabilities, [lifted / lifted.sum(), [0.5, 0.0, 0.5], [1 / 3] * 3])


@settings(deadline=None)
@given(values=VALUES, rho=st.floats(0.0, 1e9))
def test_probabilities_sum_to_1_and_follow_the_values(values, rho):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        probabilities = weighted_pick_probabilities(values, rho)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    each = np.arange(len(values))
    assert (probabilities[each, values.argmax(axis=1)] >= probabilities.max(axis=1)).all()


def test_a_large_rho_takes_the_best_without_overflowing():
    values = np.tile([1e6, 2e6, -3e6], (500, 1))
    with np.errstate(over="raise", invalid="raise"):
        picked = pick(values, constant(explore_by="weighted", explore_start=1e6), 0, np.random.default_rng(0))
    assert (picked == 1).all()


def test_weighted_picks_are_as_frequent_as_they_should_be():
    values = np.repeat(ARTICLE, 50_000, axis=0)
    picked = pick(values, constant(explore_by="weighted", explore_start=1.0), 0, np.random.default_rng(1))
    np.testing.assert_allclose(np.bincount(picked) / 50_000, ARTICLE[0] / 18.4, atol=0.01)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_takes_the_best_or_any_evenly(epsilon):
    values = np.repeat(ARTICLE, 50_000, axis=0)
    picked = pick(values, constant(explore_start=epsilon), 0, np.random.default_rng(2))
    expected = epsilon / 3 + np.array([0.0, 1.0 - epsilon, 0.0])
    np.testing.assert_allclose(np.bincount(picked, minlength=3) / 50_000, expected, atol=0.01)


def test_rows_are_picked_independently():
    values = np.tile([1.0, 1.0], (20_000, 1))
    picked = pick(values, constant(explore_start=1.0), 0, np.random.default_rng(3))
    assert abs(np.corrcoef(picked[:-1], picked[1:])[0, 1]) < 0.05


@pytest.mark.parametrize("by", ["weighted", "epsilon"])
def test_every_call_draws_alike_whatever_it_picks(by):
    ends = []
    for values in (ARTICLE, -ARTICLE, 0 * ARTICLE):
        rng = np.random.default_rng(4)
        pick(values, constant(explore_by=by, explore_start=0.5), 0, rng)
        ends.append(rng.random())
    assert len(set(ends)) == 1


def test_strength_goes_in_a_line_from_start_to_end_and_stays():
    settings = ExplorationSettings(explore_by="weighted", explore_start=0.01, explore_end=50.0, explore_steps=200)
    np.testing.assert_allclose([settings.strength(step) for step in (0, 100, 200, 900)], [0.01, 25.005, 50.0, 50.0])
    assert ExplorationSettings(explore_steps=0).strength(0) == pytest.approx(0.05)


def test_annealing_reaches_the_pick():
    settings = ExplorationSettings(explore_start=1.0, explore_end=0.0, explore_steps=100)
    values, rng = np.repeat(ARTICLE, 3000, axis=0), np.random.default_rng(5)
    best = [(pick(values, settings, step, rng) == 1).mean() for step in (0, 50, 100)]
    np.testing.assert_allclose(best, [1 / 3, 2 / 3, 1.0], atol=0.04)


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"explore_start": 1.5}, "explore_start should be 0 to 1 "),
        ({"explore_end": -0.1}, "explore_end"),
        ({"explore_by": "weighted", "explore_start": -1.0}, "explore_start"),
        ({"explore_steps": -1}, "explore_steps"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, named):
    with pytest.raises(BadInput, match=named):
        ExplorationSettings(**wrong)


def test_rho_may_be_above_1():
    assert ExplorationSettings(explore_by="weighted", explore_start=50.0).strength(0) == 50.0
