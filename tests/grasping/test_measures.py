"""Measures: by hand, and against what they are defined as, computed slowly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_bench.grasping.measures import (
    at_share,
    average_precision,
    calibration,
    calibration_error,
    precision_at,
    ranked,
    roc_area,
    summary,
)

# From above: right, wrong, right, wrong, wrong.
QUALITY = np.array([0.5, 0.9, 0.1, 0.7, 0.3])
SUCCESS = np.array([True, True, False, False, False])


@st.composite
def judged(draw):
    """Qualities, with ties, and successes: some of them true and some not."""
    quality = draw(st.lists(st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0.0, 1.0)), min_size=2))
    success = draw(st.lists(st.booleans(), min_size=len(quality), max_size=len(quality)))
    one, other = draw(st.permutations(range(len(quality))))[:2]
    success[one], success[other] = True, False
    return np.array(quality), np.array(success)


def at_thresholds(quality, success):
    """Precision, recall and false positive rate of all that is at or above each quality, the highest first."""
    for threshold in sorted(set(quality), reverse=True):
        taken = quality >= threshold
        yield success[taken].mean(), taken[success].mean(), taken[~success].mean()


def test_by_hand():
    assert average_precision(QUALITY, SUCCESS) == pytest.approx(0.5 * 1.0 + 0.5 * 2.0 / 3.0)
    assert roc_area(QUALITY, SUCCESS) == pytest.approx(5.0 / 6.0)
    assert precision_at(0.5, QUALITY, SUCCESS) == 1.0
    assert precision_at(0.51, QUALITY, SUCCESS) == precision_at(1.0, QUALITY, SUCCESS) == pytest.approx(2.0 / 3.0)


def test_where_all_are_of_one_quality_precision_is_the_share_of_successes():
    flat = np.full(5, 0.3)
    assert average_precision(flat, SUCCESS) == precision_at(0.1, flat, SUCCESS) == pytest.approx(0.4)
    assert roc_area(flat, SUCCESS) == pytest.approx(0.5)


@given(judged())
def test_a_point_for_each_threshold(given_ones):
    precision, recall, false = ranked(*given_ones)
    np.testing.assert_allclose(np.column_stack([precision, recall, false]), list(at_thresholds(*given_ones)))


@given(judged())
def test_average_precision_is_the_mean_over_successes_of_the_precision_that_finds_them(given_ones):
    quality, success = given_ones
    expected = np.mean([success[quality >= own].mean() for own in quality[success]])
    assert average_precision(quality, success) == pytest.approx(expected)


@given(judged())
def test_the_roc_area_is_how_often_a_success_is_above_a_failure(given_ones):
    quality, success = given_ones
    pairs = quality[success][:, None] - quality[~success]
    assert roc_area(quality, success) == pytest.approx(((pairs > 0.0) + 0.5 * (pairs == 0.0)).mean())


@given(judged(), st.floats(0.001, 1.0))
def test_precision_at_a_recall_is_that_of_the_highest_threshold_that_finds_so_many(given_ones, recall):
    expected = next(precision for precision, found, _ in at_thresholds(*given_ones) if found >= recall)
    assert precision_at(recall, *given_ones) == pytest.approx(expected)


@given(judged(), st.randoms(use_true_random=False))
def test_the_order_in_which_they_come_does_not_matter(given_ones, random):
    order = random.sample(range(len(given_ones[0])), len(given_ones[0]))
    one, other = summary(*given_ones), summary(*(values[order] for values in given_ones))
    assert one == pytest.approx(other)


def test_calibration_by_hand():
    quality = np.array([0.05, 0.0, 0.55, 0.5, 0.59, 1.0, 0.95])
    success = np.array([False, False, True, False, True, True, True])
    told, true, counts = calibration(quality, success)
    np.testing.assert_allclose(told, [0.025, 1.64 / 3.0, 0.975])
    np.testing.assert_allclose(true, [0.0, 2.0 / 3.0, 1.0])
    assert counts.tolist() == [2, 3, 2]  # a quality of 1 is of the last bin
    expected = (2 * 0.025 + 3 * (2.0 / 3.0 - 1.64 / 3.0) + 2 * 0.025) / 7.0
    assert calibration_error(quality, success) == pytest.approx(expected)
    assert len(calibration(quality, success, bins=2)[2]) == 2
    assert calibration_error(quality, success, bins=1) == pytest.approx(abs(quality.mean() - success.mean()))


def test_what_comes_true_as_often_as_told_is_calibrated():
    rng = np.random.default_rng(0)
    quality = rng.random(100_000)
    assert calibration_error(quality, rng.random(100_000) < quality) < 0.01
    assert calibration_error(quality, rng.random(100_000) < quality**2) == pytest.approx(1.0 / 6.0, abs=0.01)


def test_the_summary_tells_every_figure():
    told = summary(QUALITY, SUCCESS)
    assert told == {
        "accuracy": pytest.approx(3 / 5),  # 0.5 is not above 0.5
        "average_precision": average_precision(QUALITY, SUCCESS), "roc_area": roc_area(QUALITY, SUCCESS),
        "precision_at_half_recall": 1.0, "calibration_error": calibration_error(QUALITY, SUCCESS),
        "positives": pytest.approx(0.4),
    }  # fmt: skip


@given(st.integers(1, 200), st.integers(1, 200), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_what_is_kept_has_the_share_asked_for(right, wrong, share, seed):
    rng = np.random.default_rng(seed)
    success = rng.permutation(np.arange(right + wrong) < right)
    kept = at_share(success, share, rng)
    assert len(set(kept)) == len(kept) and (np.diff(kept) > 0).all()
    held, lost = success[kept].sum(), (~success[kept]).sum()
    # All of the one kind, and of the other no more than half a grasp off; of few, it may be all of both.
    fewer_failures = held == right and abs(lost - (1.0 - share) / share * right) <= 0.5 + 1e-9
    fewer_successes = lost == wrong and abs(held - share / (1.0 - share) * wrong) <= 0.5 + 1e-9
    assert fewer_failures or fewer_successes


def test_each_is_as_likely_to_be_kept():
    success = np.arange(30) < 20
    rng = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([at_share(success, 0.5, rng) for _ in range(2000)]), minlength=30)
    assert (counts[20:] == 2000).all() and counts[:20] == pytest.approx(1000, rel=0.12)
