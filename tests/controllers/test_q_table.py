"""The Q-table: its update by hand, its ends of episodes, its optimism, what it keeps, and that it learns."""

import numpy as np
import pytest
from gymnasium import spaces

from control_bench.controllers.base import Transitions
from control_bench.controllers.q_table import QTable, QTableSettings
from control_bench.errors import BadInput

CORRIDOR = spaces.MultiDiscrete([6])
A, B = [1, 2], [2, 0]


def table(seed=0, observations=None, actions=3, **settings):
    observations = observations or spaces.MultiDiscrete([3, 3])
    return QTable(observations, spaces.Discrete(actions), QTableSettings(**settings), seed=seed)


def transition(here, action, reward, there, terminated=False, truncated=False, valid=True):
    return Transitions(
        np.array([here]), np.array([action]), np.array([float(reward)]), np.array([there]), np.array([terminated]),
        np.array([truncated]), np.array([valid]),
    )  # fmt: skip


def with_values(**settings):
    """A table whose two states have known values."""
    learner = table(**settings)
    learner.set_policy({"states": np.array([A, B]), "values": np.array([[1.0, 2.0, 3.0], [4.0, 6.0, 5.0]])})
    return learner


def values(learner):
    return learner.get_policy()["values"]


@pytest.mark.parametrize(
    "ends, expected",
    [
        ({}, 2.0 + 0.1 * (7.0 + 0.9 * 6.0 - 2.0)),
        ({"truncated": True}, 2.0 + 0.1 * (7.0 + 0.9 * 6.0 - 2.0)),  # cut short: what lies behind still counts
        ({"terminated": True}, 2.0 + 0.1 * (7.0 - 2.0)),  # over: nothing lies behind
    ],
)
def test_one_update_is_the_hand_computed_one(ends, expected):
    learner = with_values()
    learner.learn(transition(A, 1, 7.0, B, **ends))
    np.testing.assert_allclose(values(learner), [[1.0, expected, 3.0], [4.0, 6.0, 5.0]], rtol=1e-12)


def test_learning_rate_and_discount_are_used_and_not_swapped():
    # The article's text weighs the old value by the rate; its code, and we, the new one.
    learner = with_values(learning_rate=0.25, discount=0.5)
    learner.learn(transition(B, 0, 0.0, A))
    assert values(learner)[1, 0] == pytest.approx(0.75 * 4.0 + 0.25 * 0.5 * 3.0)


def test_an_invalid_step_teaches_nothing():
    learner = with_values()
    before = learner.get_state()
    learner.learn(transition([0, 0], 1, 99.0, B, valid=False))
    after = learner.get_state()
    np.testing.assert_array_equal(after["policy"]["values"], before["policy"]["values"])
    assert after["steps"] == before["steps"] and after["rng"] == before["rng"]


def test_new_states_start_optimistic_from_10_to_13():
    learner = table(observations=spaces.MultiDiscrete([400]))
    learner.explore(np.arange(400)[:, None])
    start = values(learner)
    assert start.shape == (400, 3) and start.min() >= 10.0 and start.max() < 13.0
    assert start.min() < 10.1 and start.max() > 12.9 and abs(start.mean() - 11.5) < 0.15  # 1200 draws, evenly spread


def test_optimism_can_be_set():
    learner = table(optimism=-2.0, optimism_spread=0.0)
    learner.explore(np.array([A]))
    np.testing.assert_array_equal(values(learner), [[-2.0, -2.0, -2.0]])


def test_greedy_takes_the_best_and_in_an_unseen_state_the_first_without_remembering_it():
    learner = with_values()
    assert learner.greedy(np.array([A, B, [0, 0]])).tolist() == [2, 1, 0]
    assert learner.act(np.array(B)) == 1
    assert len(values(learner)) == 2


def test_a_policy_moves_to_another_table():
    learner, other = with_values(), table(seed=5)
    learner.learn(transition([0, 1], 1, 1.0, B))
    other.set_policy(learner.get_policy())
    everything = np.array([[i, j] for i in range(3) for j in range(3)])
    assert other.greedy(everything).tolist() == learner.greedy(everything).tolist()
    policy = learner.get_policy()
    policy["values"][:] = 0.0  # a copy: changing it changes no learner
    assert values(learner).any() and values(other).any()


def play(learner, steps, state=0):
    """A corridor of 6: action 1 walks right, 0 walks left; +1 at the right end, which ends the episode."""
    rewards = 0.0
    for _ in range(steps):
        action = int(learner.explore(np.array([[state]]))[0])
        there = min(max(state + (1 if action else -1), 0), 5)
        learner.learn(transition([state], action, float(there == 5), [there], terminated=there == 5))
        rewards += there == 5
        state = 0 if there == 5 else there
    return rewards


@pytest.mark.parametrize("replays", [0, 5])
def test_a_state_taken_over_learns_on_exactly(replays):
    one, other = (table(seed, CORRIDOR, 2, replays=replays) for seed in (1, 2))
    play(one, 100)
    other.set_state(one.get_state())
    play(one, 100), play(other, 100)
    np.testing.assert_array_equal(values(other), values(one))
    assert other.get_state()["rng"] == one.get_state()["rng"] and other.get_state()["steps"] == 200


def test_replays_learn_again_from_remembered_steps():
    learner = with_values(replays=1)
    learner.learn(transition(A, 1, 7.0, B, terminated=True))  # the only step there is to remember: learned twice
    assert values(learner)[0, 1] == pytest.approx(7.0 - 0.9 * 0.9 * (7.0 - 2.0))


def test_replays_remember_ends_and_forget_invalid_steps():
    learner = with_values(replays=40, learning_rate=0.02)
    learner.learn(transition(A, 1, 7.0, B, terminated=True))
    for _ in range(200):
        learner.learn(transition(B, 0, 50.0, A, valid=False))
        learner.learn(transition(A, 2, 0.0, B, truncated=True))
    assert values(learner)[0, 1] == pytest.approx(7.0, abs=0.1)  # nothing behind a terminal step
    assert values(learner)[0, 2] == pytest.approx(0.9 * 6.0, abs=0.1)  # but behind one cut short
    assert values(learner)[1].tolist() == [4.0, 6.0, 5.0]


def test_replays_never_leave_what_the_update_can_reach():
    # However often a step is drawn, each time it moves a share of the way to its target: never past it.
    learner = with_values(replays=50, learning_rate=0.5)
    for _ in range(20):
        learner.learn(transition(A, 1, 1.0, B))
        assert values(learner).min() >= 1.0 and values(learner).max() <= 10.0


def test_learns_to_walk_to_the_end_of_a_corridor():
    learner = table(3, CORRIDOR, 2, optimism=1.0, optimism_spread=0.1, explore_end=0.1, explore_steps=1500)
    first = play(learner, 500)
    play(learner, 1500)
    assert learner.greedy(np.arange(5)[:, None]).tolist() == [1, 1, 1, 1, 1]
    assert play(learner, 500) > 1.5 * first


def test_metrics_tell_the_td_error_since_the_last_time():
    learner = with_values()
    learner.learn(transition(A, 1, 7.0, B, terminated=True))
    metrics = learner.metrics()
    assert metrics["td_error"] == pytest.approx(5.0) and metrics["q_table/states"] == 2
    assert metrics["norm/variable/values"] == pytest.approx(np.linalg.norm(values(learner)))
    assert "td_error" not in learner.metrics()


@pytest.mark.parametrize(
    "observations, actions, mend",
    [(spaces.Box(0, 1, (3,)), spaces.Discrete(3), "encoder"), (CORRIDOR, spaces.Box(-1, 1, (2,)), "actions: discrete")],
)
def test_wrong_spaces_are_refused_with_the_mend(observations, actions, mend):
    with pytest.raises(BadInput, match=f"QTable can't be used here: .*{mend}"):
        QTable(observations, actions)


@pytest.mark.parametrize("name, value", [("learning_rate", 0.0), ("learning_rate", 1.1), ("discount", 1.1)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(BadInput, match=name):
        QTableSettings(**{name: value})
