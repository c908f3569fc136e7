"""Statistics: against values worked out by hand, and what holds of any values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_bench.bench.episode import Episode
from control_bench.bench.statistics import (
    bootstrap_interval,
    decile_estimate,
    deciles,
    estimate,
    frequency_table,
    interquartile_mean,
    running_mean,
)

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def episode(actions, rewards):
    return Episode(0, 0, "completed", {}, 1.0, np.array(rewards, dtype=float), np.array(actions))


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert interquartile_mean([-1000.0, 1.0, 2.0, 1000.0]) == 1.5
    assert interquartile_mean([1.0, 2.0, 9.0]) == 4.0  # a quarter of three is no whole value


@given(VALUES)
def test_interquartile_mean_lies_between_least_and_greatest(values):
    slack = 1e-9 * max(map(abs, values))  # a mean of equal values may round
    assert min(values) - slack <= interquartile_mean(values) <= max(values) + slack


@given(VALUES, st.randoms(use_true_random=False))
def test_statistics_do_not_depend_on_the_order(values, random):
    mixed = random.sample(values, len(values))
    assert interquartile_mean(mixed) == pytest.approx(interquartile_mean(values), abs=1e-6)
    np.testing.assert_array_equal(deciles(mixed), deciles(values))


def test_deciles_are_eleven_with_the_ends():
    np.testing.assert_allclose(deciles(np.arange(101)), np.arange(0, 101, 10))


@given(VALUES)
def test_deciles_rise_from_least_to_greatest(values):
    found = deciles(values)
    assert found.shape == (11,) and found[0] == min(values) and found[-1] == max(values)
    assert np.all(np.diff(found) >= -1e-9 * max(map(abs, values)))


@given(VALUES, st.sampled_from([np.mean, np.median, interquartile_mean]))
def test_an_interval_is_ordered_and_within_the_values(values, statistic):
    low, high = bootstrap_interval(values, statistic, resamples=50)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= low <= high <= max(values) + slack


def test_the_interval_is_the_same_again_and_another_with_another_seed():
    values = np.random.default_rng(0).normal(size=50)
    assert bootstrap_interval(values, np.mean) == bootstrap_interval(values, np.mean)
    assert bootstrap_interval(values, np.mean) != bootstrap_interval(values, np.mean, seed=1)


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says():
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap_interval(values, np.mean)
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)
    narrow = bootstrap_interval(values, np.mean, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    intervals = [bootstrap_interval(rng.normal(size=60), np.mean, resamples=400) for _ in range(200)]
    assert 0.88 <= np.mean([low <= 0.0 <= high for low, high in intervals]) <= 0.99


def test_resampling_in_blocks_changes_nothing_but_memory(monkeypatch):
    values = np.random.default_rng(0).normal(size=30)
    whole = bootstrap_interval(values, deciles, resamples=100)
    monkeypatch.setattr("control_bench.bench.statistics.BLOCK", 30 * 10)
    blocks = bootstrap_interval(values, deciles, resamples=100)
    np.testing.assert_array_equal(whole, blocks)


def test_one_value_is_its_own_interval_and_an_estimate_without_one():
    assert bootstrap_interval([3.0], np.mean) == (3.0, 3.0)
    assert estimate([3.0], np.mean).low is None
    assert decile_estimate([3.0]).value.tolist() == [3.0] * 11


def test_the_ends_of_the_deciles_have_no_interval():
    found = decile_estimate([1.0, 2.0, 3.0])
    assert np.isnan(found.low).tolist() == [True, *[False] * 9, True]
    assert np.isnan(found.high).tolist() == [True, *[False] * 9, True]


def test_running_mean_is_of_what_there_is():
    np.testing.assert_allclose(running_mean([2.0, 4.0, 6.0, 8.0], 2), [2.0, 3.0, 5.0, 7.0])
    np.testing.assert_allclose(running_mean([2.0, 4.0, 6.0], 10), [2.0, 3.0, 4.0])


def test_frequencies_of_pairs_over_episodes():
    episodes = [episode([0, 0, 1, 2], [1, -1, 0, 0]), episode([0, 1], [1, 0])]
    assert frequency_table(episodes, ("forward", "left", "right")) == {
        ("forward", 1.0): 2, ("forward", -1.0): 1, ("left", 0.0): 2, ("right", 0.0): 1,
    }  # fmt: skip


def test_frequencies_of_actions_without_a_name_and_of_small_integers():
    actions = np.array([200, 0], dtype=np.uint8)  # times the number of rewards this would not fit
    assert frequency_table([episode(actions, [1, 2])], ("go",)) == {("action 200", 1.0): 1, ("go", 2.0): 1}


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-1.0, 0.0, 0.25, 1.0])), min_size=1, max_size=30))
def test_frequencies_count_every_step_once(steps):
    actions, rewards = zip(*steps, strict=True)
    table = frequency_table([episode(actions, rewards)], "abcde")
    assert all(table["abcde"[action], reward] == steps.count((action, reward)) for action, reward in steps)
    assert sum(table.values()) == len(steps)
