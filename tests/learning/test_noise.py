"""Noise of actions: how far it spreads, where it begins, and that actions stay within their bounds, both of them."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from control_bench.controllers.base import Transitions
from control_bench.errors import BadInput
from control_bench.learning.continuous import ContinuousLearner, ContinuousSettings
from control_bench.learning.encoders import make_encoder
from control_bench.learning.exploration import ActionNoise, NoiseSettings
from control_bench.learning.network_policy import in_space
from control_bench.learning.policy import Perceptron

SEEN = spaces.Box(-1.0, 1.0, (1,))
TENTHS = st.integers(-1000, 1000)
ACTIONS = spaces.Box(np.array([-2.0, 1.0], np.float32), np.array([2.0, 9.0], np.float32))

pytestmark = pytest.mark.usefixtures("one_thread")


def constant(deviation, **settings):
    """Settings whose deviation stays where it starts."""
    return NoiseSettings(noise_start=deviation, noise_end=deviation, **settings)


def drawn(settings, rows, times, seed=0, numbers=1):
    """Noise (times, rows, numbers)."""
    noise, rng = ActionNoise(settings, numbers), np.random.default_rng(seed)
    return np.array([noise.draw(rows, 0, rng) for _ in range(times)])


# How far it spreads.


def test_the_deviation_goes_in_a_line_from_start_to_end_and_stays():
    noise = ActionNoise(NoiseSettings(noise_start=0.4, noise_end=0.1, noise_steps=300), 1)
    np.testing.assert_allclose([noise.deviation(step) for step in (0, 100, 300, 900)], [0.4, 0.3, 0.1, 0.1])
    assert ActionNoise(NoiseSettings(noise_steps=0), 1).deviation(0) == pytest.approx(0.1)


@pytest.mark.parametrize(("step", "deviation"), [(0, 0.5), (50, 0.3), (100, 0.1), (900, 0.1)])
def test_normal_noise_has_its_deviation(step, deviation):
    noise = ActionNoise(NoiseSettings(noise_start=0.5, noise_end=0.1, noise_steps=100), 2)
    values = noise.draw(20_000, step, np.random.default_rng(0))
    assert values.shape == (20_000, 2)
    np.testing.assert_allclose(values.std(axis=0), deviation, rtol=0.02)
    np.testing.assert_allclose(values.mean(axis=0), 0.0, atol=0.02 * deviation)


def test_normal_noise_is_each_steps_and_each_numbers_own():
    values = drawn(constant(0.3), 2000, 10, numbers=2)
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(values[..., 0].ravel(), values[..., 1].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("back", [0.01, 0.15, 1.0])
def test_noise_that_wanders_has_its_deviation_whatever_its_way_back(back):
    settings = constant(0.3, noise="ou", noise_return=back)
    values = drawn(settings, 4000, max(20, round(4 / back)))
    np.testing.assert_allclose(values[-1].std(), 0.3, rtol=0.05)
    together = np.corrcoef(values[-2].ravel(), values[-1].ravel())[0, 1]
    assert together == pytest.approx(1.0 - back, abs=0.05)


def test_noise_that_wanders_is_by_hand_the_last_and_a_draw():
    values, draws = drawn(constant(0.5, noise="ou", noise_return=0.2), 3, 4), np.random.default_rng(0)
    state = np.zeros((3, 1))
    for value in values:
        state = 0.8 * state + 0.6 * draws.standard_normal((3, 1))  # 0.6 = sqrt(1 - 0.8**2)
        np.testing.assert_allclose(value, 0.5 * state)


# Episodes.


def test_noise_that_wanders_begins_at_0_again_in_the_rows_that_ended_and_no_other():
    settings = constant(1.0, noise="ou", noise_return=0.01)
    noise, rng = ActionNoise(settings, 2), np.random.default_rng(1)
    for _ in range(50):
        before = noise.draw(3, 0, rng)
    noise.end(np.array([False, True, False]))
    coming = np.sqrt(0.01 * 1.99) * np.random.default_rng(2).standard_normal((3, 2))
    kept = np.array([[1.0], [0.0], [1.0]])
    np.testing.assert_allclose(noise.draw(3, 0, np.random.default_rng(2)), 0.99 * kept * before + coming)


def test_another_count_of_rows_begins_at_0():
    noise, rng = ActionNoise(constant(1.0, noise="ou"), 1), np.random.default_rng(1)
    noise.draw(3, 0, rng)
    noise.end(np.array([True]))  # of rows that it has not
    first = noise.draw(2, 0, np.random.default_rng(5))
    np.testing.assert_allclose(first, ActionNoise(noise.settings, 1).draw(2, 0, np.random.default_rng(5)))


@pytest.mark.parametrize("kind", ["normal", "ou"])
def test_a_state_taken_over_goes_on_exactly(kind):
    settings = constant(1.0, noise=kind)
    noise, other = ActionNoise(settings, 2), ActionNoise(settings, 2)
    for seed in range(3):
        noise.draw(4, 0, np.random.default_rng(seed))
    state = noise.get_state()
    expected = noise.draw(4, 0, np.random.default_rng(9))
    other.set_state(state)
    np.testing.assert_array_equal(other.draw(4, 0, np.random.default_rng(9)), expected)


@pytest.mark.parametrize("kind", ["normal", "ou"])
def test_every_call_draws_alike_whatever_has_ended(kind):
    ends = []
    for ended in (None, [False] * 3, [True, False, True]):
        noise, rng = ActionNoise(constant(0.0 if ended is None else 0.5, noise=kind), 2), np.random.default_rng(4)
        for _ in range(3):
            noise.draw(3, 0, rng)
            if ended:
                noise.end(np.array(ended))
        ends.append(rng.random())
    expected = np.random.default_rng(4)
    expected.standard_normal((9, 2))
    assert set(ends) == {expected.random()}


# What a learner does with it.


class Steady(ContinuousLearner):
    """Knows one best action, whatever it sees, and learns nothing."""

    unit_action = (0.0, 0.0)

    def make_networks(self):
        return {"network": Perceptron(make_encoder(self.observation_space, self.settings), 1, (), "relu")}

    def best(self, observation):
        return torch.tensor(self.unit_action, dtype=torch.float32).repeat(len(observation), 1)

    def update(self):
        pass


def steady(best=(0.0, 0.0), actions=ACTIONS, begun=True, **settings):
    learner = Steady(SEEN, actions, ContinuousSettings(**{"learn_start": 10} | settings), seed=3)
    learner.unit_action = best
    learner.steps = 11 if begun else 0
    return learner


def transitions(rows, terminated=None, truncated=None, valid=None):
    none = np.zeros(rows, bool)
    flags = [none if flag is None else np.array(flag) for flag in (terminated, truncated)]
    valid = ~none if valid is None else np.array(valid)
    seen = np.zeros((rows, 1), np.float32)
    return Transitions(seen, np.ones((rows, 2), np.float32), np.zeros(rows), seen, *flags, valid)


def explored(learner, rows=2000):
    return learner.explore(np.zeros((rows, 1), np.float32))


@pytest.mark.parametrize("kind", ["normal", "ou"])
@pytest.mark.parametrize("best", [(0.9, -0.9), (0.0, 0.0), (-1.0, 1.0)])
def test_actions_stay_within_both_bounds(kind, best):
    # A peer's clip had its arguments the wrong way about, and bounded actions above alone.
    learner = steady(best, noise=kind, noise_start=5.0, noise_end=5.0, noise_return=1.0)
    actions = explored(learner)
    assert actions.shape == (2000, 2) and actions.dtype == np.float32
    assert actions.min(axis=0).tolist() == [-2.0, 1.0] and actions.max(axis=0).tolist() == [2.0, 9.0]
    assert ((actions > ACTIONS.low) & (actions < ACTIONS.high)).any(axis=0).all()
    assert all(ACTIONS.contains(action) for action in actions[:50])


def test_noise_comes_in_shares_of_half_the_range():
    actions = explored(steady((0.0, 0.25), noise_start=0.1, noise_end=0.1), 20_000)
    np.testing.assert_allclose(actions.mean(axis=0), [0.0, 6.0], atol=0.02)
    np.testing.assert_allclose(actions.std(axis=0), [0.1 * 2.0, 0.1 * 4.0], rtol=0.03)


def test_noise_fades_with_the_steps():
    learner = steady(noise_start=0.5, noise_end=0.0, noise_steps=100)
    learner.steps = 100
    assert np.unique(explored(learner, 10), axis=0).tolist() == [[0.0, 5.0]]


def test_at_first_actions_are_anything_evenly():
    learner = steady((1.0, 1.0), begun=False, noise_start=0.0)
    actions = explored(learner, 20_000)
    assert (actions >= ACTIONS.low).all() and (actions <= ACTIONS.high).all()
    for values, low, high in zip(actions.T, ACTIONS.low, ACTIONS.high, strict=True):
        np.testing.assert_allclose(np.histogram(values, 10, (low, high))[0] / 2000, 1.0, atol=0.1)
    learner.steps = 10
    assert len(np.unique(explored(learner, 10), axis=0)) == 10
    learner.steps = 11
    assert np.unique(explored(learner, 10), axis=0).tolist() != [[2.0, 9.0]]


def test_the_best_known_action_has_no_noise():
    learner = steady((0.5, -0.5), noise_start=5.0)
    assert learner.greedy(np.zeros((3, 1), np.float32)).tolist() == [[1.0, 3.0]] * 3


@pytest.mark.parametrize("flag", ["terminated", "truncated", "valid"])
def test_the_noise_of_a_row_begins_again_where_its_episode_does(flag):
    # A peer's noise wandered on from one episode to the next.
    learner = steady(noise="ou", noise_return=0.01, noise_start=0.1, noise_end=0.1)
    for _ in range(5):
        explored(learner, 3)
        learner.learn(transitions(3))
    before = learner.get_state()["noise"]
    assert np.abs(before).min() > 0
    flags = [False, True, False]
    learner.learn(transitions(3, **{flag: [not ends for ends in flags] if flag == "valid" else flags}))
    after = learner.get_state()["noise"]
    assert after[1].tolist() == [0.0, 0.0] and after[[0, 2]].tolist() == before[[0, 2]].tolist()


@hypothesis_settings(deadline=None)
@given(shares=st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)))
def test_units_are_the_actions_within_their_bounds(shares):
    ALIKE.unit_action = shares
    actions = ALIKE.greedy(np.zeros((1, 1), np.float32))
    np.testing.assert_allclose(actions, [[2.0 * shares[0], 5.0 + 4.0 * shares[1]]], atol=1e-5)
    np.testing.assert_allclose(ALIKE.unit(actions).numpy(), [shares], atol=1e-6)


ALIKE = steady()


@hypothesis_settings(deadline=None)
@given(low=TENTHS, size=st.integers(1, 1000), share=st.floats(-1.0, 1.0))
def test_no_action_is_beyond_its_bounds_by_a_last_digit(low, size, share):
    space = spaces.Box(np.float32([low / 10]), np.float32([(low + size) / 10]))
    for unit, ends in ((-1.0, space.low), (1.0, space.high), (share, None)):
        action = in_space(torch.tensor([[unit]], dtype=torch.float64), space).numpy()[0]
        assert space.contains(action) and (ends is None or action.tolist() == ends.tolist())


def test_actions_of_any_shape_keep_it():
    actions = spaces.Box(-3.0, 3.0, (2, 3))
    learner = Steady(SEEN, actions, ContinuousSettings(learn_start=0), seed=0)
    learner.unit_action = np.linspace(-1, 1, 6).tolist()
    assert explored(learner, 5).shape == (5, 2, 3)
    np.testing.assert_allclose(learner.greedy(np.zeros((1, 1)))[0], 3 * np.linspace(-1, 1, 6).reshape(2, 3), rtol=1e-6)
    assert learner.unit(learner.greedy(np.zeros((1, 1)))).shape == (1, 6)


# What it refuses.


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"noise_start": -0.1}, "noise_start and noise_end"),
        ({"noise_end": -0.1}, "noise_start and noise_end"),
        ({"noise_steps": -1}, "noise_steps"),
        ({"noise_return": 0.0}, "noise_return"),
        ({"noise_return": 1.1}, "noise_return"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, named):
    for kind in (NoiseSettings, ContinuousSettings):
        with pytest.raises(BadInput, match=named):
            kind(**wrong)


@pytest.mark.parametrize("bound", [np.inf, -np.inf])
def test_actions_without_bounds_are_refused(bound):
    low, high = min(bound, -1.0), max(bound, 1.0)
    with pytest.raises(BadInput, match="actions should have bounds: .*finite"):
        Steady(SEEN, spaces.Box(low, high, (2,)))
