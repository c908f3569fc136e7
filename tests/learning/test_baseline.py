"""The linear baseline: its terms by hand, and that it finds what is linear in them."""

import numpy as np
import pytest

from control_bench.learning.baseline import FURTHEST, LinearBaseline


def drawn(count=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 2)), rng.integers(0, 150, count).astype(float)


def test_its_terms_by_hand():
    terms = LinearBaseline.terms(np.array([[2.0, -30.0]], np.float32), np.array([50.0]))
    expected = [2.0, -FURTHEST, 4.0, FURTHEST**2, 0.5, 0.25, 0.125, 1.0]
    np.testing.assert_allclose(terms, [expected])


def test_it_foresees_nothing_before_it_was_fitted():
    assert not LinearBaseline().foresee(*drawn()).any()


def test_it_finds_what_is_linear_in_its_terms():
    baseline, (features, elapsed) = LinearBaseline(), drawn()
    weights = np.random.default_rng(1).normal(size=8)
    baseline.fit(features, elapsed, LinearBaseline.terms(features, elapsed) @ weights)
    others = drawn(50, seed=2)
    np.testing.assert_allclose(baseline.foresee(*others), LinearBaseline.terms(*others) @ weights, atol=0.01)


@pytest.mark.parametrize("count", [1, 3])
def test_few_steps_and_features_alike_are_no_trouble(count):
    baseline = LinearBaseline()
    baseline.fit(np.ones((count, 2)), np.zeros(count), np.full(count, 5.0))
    np.testing.assert_allclose(baseline.foresee(np.ones((1, 2)), np.zeros(1)), 5.0, rtol=1e-3)
