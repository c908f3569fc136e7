"""REINFORCE: its gradient by hand and by finite differences, its returns, and which episodes it learns from."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from control_bench.controllers.base import Transitions
from control_bench.controllers.reinforce import Reinforce, ReinforceSettings, returns
from control_bench.errors import BadInput
from control_bench.learning.baseline import LinearBaseline
from control_bench.learning.networks import get_variables, set_variables
from control_bench.learning.rollout import Steps, standardised

SQUARE = spaces.Box(-1, 1, (2,))
ACTIONS = {"discrete": spaces.Discrete(3), "continuous": spaces.Box(-1, 1, (2,))}
TINY = dict(hidden=(), clip_gradient=0.0, episodes=2)


pytestmark = pytest.mark.usefixtures("one_thread")


def reinforce(actions="discrete", **settings):
    return Reinforce(SQUARE, ACTIONS[actions], ReinforceSettings(**TINY | settings))


def steps_of(reward, ended, actions="discrete", seed=0):
    """Steps (steps, rows) of random observations and draws; `ended` and `reward` (steps, rows), NaN where a step only
    began an episode."""
    rng, reward = np.random.default_rng(seed), np.array(reward, dtype=float)
    here = rng.uniform(-1, 1, (*reward.shape, 2)).astype(np.float32)
    draw = rng.normal(size=(*reward.shape, 2)).astype(np.float32)
    if actions == "discrete":
        draw = rng.integers(0, 3, reward.shape)
    ended = np.array(ended, dtype=bool)
    return Steps(here, draw, reward, reward, here, ended, ~ended & False, np.isfinite(reward))


def test_the_gradient_of_a_linear_softmax_policy_is_the_hand_computed_one():
    learner = reinforce(learning_rate=1e-9)
    weight, bias = np.array([[0.5, 0.0], [0.0, -1.0], [0.2, 0.3]], np.float32), np.array([0.1, 0.0, -0.2], np.float32)
    set_variables(learner.networks["policy"], {"head.weight": weight, "head.bias": bias})
    steps = steps_of([[1.0, 5.0], [2.0, np.nan], [4.0, 3.0]], [[0, 1], [0, 0], [1, 1]])
    learner.learn_from(steps)
    # What lies ahead, undiscounted: 7, 6 and 4 in the first row's episode, 5 and 3 in the two of the second.
    earned = np.array([7.0, 5.0, 6.0, 4.0, 3.0])
    advantage = (earned - earned.mean()) / earned.std()
    expected_weight, expected_bias = np.zeros((3, 2)), np.zeros(3)
    for here, action, how in zip(steps.observation[steps.valid], steps.draw[steps.valid], advantage, strict=True):
        logits = weight @ here + bias
        # The slope of log softmax at the action taken: one there, less all probabilities.
        slope = np.eye(3)[action] - np.exp(logits) / np.exp(logits).sum()
        expected_weight -= how * np.outer(slope, here) / 5
        expected_bias -= how * slope / 5
    head = learner.networks["policy"].head
    np.testing.assert_allclose(head.weight.grad, expected_weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head.bias.grad, expected_bias, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("actions", ACTIONS)
@pytest.mark.parametrize("credit", ["ahead", "episode"])
def test_the_gradient_equals_finite_differences(actions, credit):
    learner = reinforce(actions, hidden=(4,), discount=0.8, credit=credit, learning_rate=1e-9)
    with torch.no_grad():
        learner.networks["policy"].head.weight *= 100.0
    rng = np.random.default_rng(1)
    ended = np.zeros((6, 3), dtype=bool)
    ended[2, 0] = ended[5] = True
    steps = steps_of(rng.normal(size=(6, 3)), ended, actions)
    variables = {k: v.astype(np.float64) for k, v in get_variables(learner.networks["policy"]).items()}
    _, earned = returns(steps, 0.8, credit)
    weight = ((earned - earned.mean()) / earned.std()).ravel()
    here, draw = steps.observation.reshape(-1, 2).astype(float), steps.draw.reshape(18, *steps.draw.shape[2:])

    def loss(v):
        out = np.tanh(here @ v["body.0.weight"].T + v["body.0.bias"]) @ v["head.weight"].T + v["head.bias"]
        if actions == "discrete":
            log_probability = out[np.arange(18), draw] - np.log(np.exp(out).sum(axis=1))
        else:
            z = (draw - out) / np.exp(v["log_deviation"])
            log_probability = (-0.5 * z**2 - v["log_deviation"]).sum(axis=1)
        return -(weight * log_probability).mean()

    learner.learn_from(steps)
    for name, parameter in learner.networks["policy"].named_parameters():
        for place in np.ndindex(variables[name].shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = variables[name].copy()
                moved[place] += step
                sides.append(loss(variables | {name: moved}))
            slope = (sides[0] - sides[1]) / 2e-5
            np.testing.assert_allclose(parameter.grad[place], slope, rtol=1e-3, atol=1e-5)


def test_returns_by_hand():
    steps = steps_of([[1.0, 2.0], [4.0, np.nan], [8.0, 4.0], [16.0, 8.0]], [[0, 1], [1, 0], [0, 0], [0, 1]])
    known, earned = returns(steps, 0.5, "ahead")
    # The first row's second episode has no end, so its steps are left out.
    np.testing.assert_array_equal(known, [[True, True], [True, False], [False, True], [False, True]])
    np.testing.assert_allclose(earned[known], [1.0 + 0.5 * 4.0, 2.0, 4.0, 4.0 + 0.5 * 8.0, 8.0])
    known, earned = returns(steps, 0.5, "episode")
    np.testing.assert_allclose(earned[known], [3.0, 2.0, 3.0, 8.0, 8.0])


def test_a_baseline_is_of_the_batches_before():
    # The first batch is judged by its returns alone; the second by how much they differ from what the first foretells.
    learner, alone = reinforce(baseline="linear", learning_rate=1e-9), LinearBaseline()
    rng, ended = np.random.default_rng(1), np.zeros((6, 4), dtype=bool)
    ended[2, 1] = ended[5] = True
    elapsed = np.tile(np.arange(6.0)[:, None], 4)
    elapsed[3:, 1] -= 3.0
    policy = learner.networks["policy"]
    for seed in (2, 3):
        steps = steps_of(rng.normal(size=(6, 4)), ended, seed=seed)
        here, earned = steps.observation.reshape(-1, 2), returns(steps, 1.0, "ahead")[1].ravel()
        better = standardised(earned - alone.foresee(here, elapsed.ravel()))
        alone.fit(here, elapsed.ravel(), earned)
        with torch.no_grad():
            log_probability = policy(torch.as_tensor(here)).log_prob(torch.as_tensor(steps.draw.ravel())).numpy()
        assert learner.learn_from(steps)["loss"] == pytest.approx(-(better * log_probability).mean(), abs=1e-6)
    assert np.abs(better - standardised(earned)).max() > 0.1


def test_before_a_first_batch_nothing_is_expected():
    one, other = (reinforce(baseline=baseline, learning_rate=0.01) for baseline in ("none", "linear"))
    steps = steps_of([[1.0, 5.0], [2.0, 3.0]], [[0, 1], [1, 1]])
    for learner in (one, other):
        learner.learn_from(steps)
    for name, value in get_variables(one.networks["policy"]).items():
        np.testing.assert_array_equal(get_variables(other.networks["policy"])[name], value)


class Told:
    """Feeds rows of episodes of given lengths, in the order of a vector environment in NEXT_STEP mode, and notes what
    is learned from. Each observation tells its row and its episode there."""

    def __init__(self, learner, lengths):
        self.learner, self.lengths, self.learned = learner, lengths, []
        self.place = np.zeros((len(lengths), 2), dtype=int)  # of every row: its episode, its step there
        self.begins = np.zeros(len(lengths), dtype=bool)
        learn_from = learner.learn_from
        learner.learn_from = lambda steps: self._note(steps) or learn_from(steps)

    def _note(self, steps):
        whole, _ = returns(steps, 1.0, "ahead")
        self.learned.append(sorted({tuple(np.round(one * 100).astype(int)) for one in steps.observation[whole]}))

    def step(self, cut=()):
        """`cut`: rows whose episode is broken off by a step that only begins one."""
        rows, begins = len(self.lengths), self.begins | np.isin(np.arange(len(self.lengths)), cut)
        here = np.stack([np.arange(rows), self.place[:, 0]], axis=1).astype(np.float32) / 100
        action = self.learner.explore(here)
        self.place[:, 1] += ~begins
        ended = ~begins & np.array([self.place[row, 1] == self.lengths[row] for row in range(rows)])
        fresh = ended | np.isin(np.arange(rows), cut)
        self.place[fresh] = np.stack([self.place[fresh, 0] + 1, np.zeros(fresh.sum(), dtype=int)], axis=1)
        self.learner.learn(Transitions(here, action, np.ones(rows), here, ended & False, ended, ~begins))
        self.begins = ended


def test_the_first_to_begin_are_learned_from_not_the_first_to_end():
    told = Told(reinforce(episodes=3), lengths=[2, 5, 9])
    for _ in range(8):
        told.step()
    assert told.learner.updates == 0  # the shorter rows have had four whole episodes
    told.step()
    assert told.learned == [[(0, 0), (1, 0), (2, 0)]]
    while len(told.learned) < 2:
        told.step()
    # The second row was in an episode that the policy before it had begun.
    assert told.learned[1] == [(0, 3), (0, 4), (2, 1)]


def test_one_row_is_learned_from_whole():
    told = Told(reinforce(episodes=2), lengths=[3])
    for _ in range(15):
        told.step()
    assert told.learned == [[(0, 0), (0, 1)], [(0, 2), (0, 3)]]


def test_an_episode_that_was_cut_off_makes_room_for_another():
    told = Told(reinforce(episodes=2), lengths=[4])
    told.step(), told.step(), told.step(cut=[0])
    while not told.learned:
        told.step()
    assert told.learned == [[(0, 1), (0, 2)]]


def test_the_time_limit_ends_an_episode_as_any_other_end():
    one, other = reinforce(learning_rate=0.1), reinforce(learning_rate=0.1)
    steps = steps_of([[1.0, 5.0], [2.0, 3.0]], [[0, 1], [1, 1]])
    one.learn_from(steps)
    other.learn_from(Steps(**vars(steps) | {"terminated": steps.truncated, "truncated": steps.terminated}))
    for name, value in get_variables(one.networks["policy"]).items():
        np.testing.assert_array_equal(get_variables(other.networks["policy"])[name], value)


@pytest.mark.parametrize("name, value", [("episodes", 0), ("learning_rate", 0.0), ("discount", -0.1)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        ReinforceSettings(**{name: value})
