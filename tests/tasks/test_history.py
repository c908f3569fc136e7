"""Histories: the first step of an episode stands for those before it, along any axis, and balance's by its readings."""

import numpy as np
import pytest

from control_bench.registry import make_env, make_vector_env
from control_bench.tasks.history import History


def test_a_history_repeats_the_first_reading_and_then_slides():
    memory, rows = History(1, 3, (2,), np.float32), []
    for value in range(1, 6):
        rows.append(memory.push(np.array([[value, 10 * value]]), np.array([value == 1]))[0].tolist())
    assert rows == [
        [1, 10, 1, 10, 1, 10],
        [1, 10, 1, 10, 2, 20],
        [1, 10, 2, 20, 3, 30],
        [2, 20, 3, 30, 4, 40],
        [3, 30, 4, 40, 5, 50],
    ]


def test_a_new_episode_begins_a_history_anew_in_its_row_alone():
    memory = History(2, 2, (1,), np.float32)
    memory.push(np.array([[1], [10]]), np.array([True, True]))
    memory.push(np.array([[2], [20]]), np.array([False, False]))
    assert memory.push(np.array([[3], [30]]), np.array([True, False])).tolist() == [[3, 3], [20, 30]]


def test_what_a_history_gave_out_does_not_change_later():
    memory = History(1, 2, (1,), np.float32)
    given_out = memory.push(np.array([[1]]), np.array([True]))
    memory.push(np.array([[2]]), np.array([False]))
    assert given_out.tolist() == [[1, 1]]


def test_steps_lie_along_the_axis_that_is_asked_for():
    memory, one, two = History(1, 2, (2, 3), int, axis=1), np.arange(6).reshape(1, 2, 3), np.arange(6, 12)
    memory.push(one, np.array([True]))
    seen = memory.push(two.reshape(1, 2, 3), np.array([False]))
    np.testing.assert_array_equal(seen, np.arange(12).reshape(1, 4, 3))


@pytest.mark.parametrize(("settings", "axis"), [({}, 0), ({"observation": "pixels", "size": 12, "cameras": 2}, 2)])
def test_balance_shows_the_last_steps_as_more_repeats(settings, axis):
    env, longer = make_env("balance", **settings), make_env("balance", history=3, **settings)
    assert longer.observation_space.shape[axis] == 3 * env.observation_space.shape[axis]
    seen, (shown, _) = [env.reset(seed=4)[0]] * 3, longer.reset(seed=4)
    np.testing.assert_array_equal(shown, np.concatenate(seen, axis=axis))
    for action in (1, 3, 3, 0, 2):
        seen = [*seen[1:], env.step(action)[0]]
        np.testing.assert_array_equal(longer.step(action)[0], np.concatenate(seen, axis=axis))
    assert longer.observation_space.contains(shown)


def test_a_history_is_part_of_the_state():
    settings = {"history": 3, "observation": "pixels", "size": 12, "actions": "continuous"}
    envs, again = (make_vector_env("balance", 2, **settings) for _ in range(2))
    envs.reset(seed=1), again.reset(seed=2)
    action = np.full((2, 2), 0.4, np.float32)
    for _ in range(4):
        envs.step(action)
    again.set_state(envs.get_state())
    for _ in range(20):  # episodes end and begin on the way
        for ours, theirs in zip(envs.step(action)[:4], again.step(action)[:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)
