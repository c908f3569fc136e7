"""Encoders: whole centimetres as the article has them, what each controller is shown of them, and histories."""

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from control_bench.tasks.history import History
from control_bench.tasks.sonar_encoders import ENCODERS, centimetres, observation_space

LOW, HIGH = np.full(3, 0.15), np.full(3, 3.0)


def in_centimetres(*ranges):
    return centimetres(np.array([ranges], np.float32), LOW, HIGH)[0].tolist()


def test_infinities_and_what_is_out_of_range_become_0_and_300():
    assert in_centimetres(np.inf, 3.01, 3.0) == [300, 300, 300]
    assert in_centimetres(-np.inf, 0.149, 0.0) == [0, 0, 0]


def test_centimetres_are_cut_off_not_rounded():
    assert in_centimetres(0.159, 1.999, 2.99) == [15, 199, 299]
    assert in_centimetres(0.16, 1.0, 0.15) == [15, 100, 15]  # 0.16 is 0.1599999964 as the message carries it


@given(metres=st.floats(0.0, 4.0, width=32))
def test_the_rule_is_the_articles(metres):
    # "+inf or beyond 3 is 3, below 0.15 is 0, then int(100 r)".
    expected = int(100 * (3.0 if metres > 3.0 else 0.0 if metres < 0.15 else metres))
    assert in_centimetres(metres, metres, metres) == [expected] * 3


def test_each_sonar_has_its_own_range():
    ranges = np.array([[1.5, 1.5, 0.3]], np.float32)
    assert centimetres(ranges, np.array([0.1, 0.1, 0.5]), np.array([1.0, 2.0, 2.0])).tolist() == [[100, 150, 0]]


CM = np.array([[100, 250, 30], [30, 30, 30], [0, 300, 300], [300, 0, 300]], np.float32)


def test_raw_is_the_centimetres_themselves():
    assert ENCODERS["raw"](CM).tolist() == CM.tolist()


def test_standardised_has_the_articles_mean_and_deviation():
    encoded = ENCODERS["standardised"](CM)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, (CM - 59.317) / 37.603, rtol=1e-5)
    assert encoded[0, 0] == pytest.approx(1.08191, abs=1e-4)


def test_ordering_is_by_descending_range_and_stable():
    assert ENCODERS["ordering"](CM).tolist() == [[1, 0, 2], [0, 1, 2], [1, 2, 0], [0, 2, 1]]
    many = np.random.default_rng(0).integers(0, 3, (1, 60))
    assert ENCODERS["ordering"](many)[0].tolist() == sorted(range(60), key=lambda sonar: -many[0, sonar])


def test_furthest_is_the_first_of_the_longest():
    assert ENCODERS["furthest"](CM).tolist() == [[1], [0], [1], [0]]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("history", [1, 3])
def test_the_space_contains_whatever_can_be_seen(encoder, history):
    space = observation_space(encoder, history, HIGH)
    memory = History(1, history, (space.shape[0] // history,), space.dtype)
    extremes = np.array([[-np.inf, np.inf, 1.0], [np.inf] * 3, [-np.inf] * 3, [0.15, 3.0, 2.999], [1.0, 2.0, np.inf]])
    for i, ranges in enumerate(extremes.astype(np.float32)):
        seen = memory.push(ENCODERS[encoder](centimetres(ranges[None], LOW, HIGH)), np.array([i == 0]))
        assert space.contains(seen[0]), seen


def test_the_spaces_are_no_wider_than_what_can_be_seen():
    assert observation_space("raw", 2, HIGH) == spaces.Box(0.0, 300.0, (6,), np.float32)
    standard = observation_space("standardised", 1, HIGH)
    np.testing.assert_allclose([standard.low[0], standard.high[0]], [-59.317 / 37.603, 240.683 / 37.603], rtol=1e-5)
    assert observation_space("ordering", 2, HIGH) == spaces.MultiDiscrete([3] * 6)
    assert observation_space("furthest", 2, HIGH) == spaces.MultiDiscrete([3, 3])
    assert observation_space("raw", 1, np.array([1.0, 2.5])).high.tolist() == [100.0, 250.0]
