"""Rows spread over processes: the same episodes, faults told, nothing left behind."""

import gymnasium
import numpy as np
import pytest

import control_bench  # noqa: F401 (registers the environments)
from control_bench.env import TaskVectorEnv
from control_bench.errors import BadInput
from control_bench.registry import make_task

SETTINGS = {
    "balance": {"longest": 6, "actions": "continuous"},
    "drivebot": {"max_steps": 6, "sensor_noise": True},
}


def played(task: str, processes: int, rows: int = 3, steps: int = 20):
    envs = TaskVectorEnv(make_task(task, SETTINGS[task], rows), processes)
    envs.action_space.seed(0)
    seen = [envs.reset(seed=5)[0]]
    for _ in range(steps):
        seen.append(envs.step(envs.action_space.sample())[0])
    return envs, np.array(seen)


@pytest.mark.parametrize("task", SETTINGS)
@pytest.mark.parametrize("processes", [2, 3, 5])
def test_rows_in_processes_run_the_same_episodes(task, processes):
    one, spread = played(task, 1), played(task, processes)
    np.testing.assert_array_equal(one[1], spread[1])
    spread[0].close()


def test_a_state_taken_back_goes_on_exactly():
    envs, _ = played("balance", 2)
    state, action = envs.get_state(), envs.action_space.sample()
    ahead = [envs.step(action)[0] for _ in range(8)]
    other, _ = played("balance", 2, steps=3)
    other.set_state(state)
    np.testing.assert_array_equal([other.step(action)[0] for _ in range(8)], ahead)
    envs.close(), other.close()


@pytest.mark.parametrize("row", [0, 2], ids=["in this one", "in another"])
def test_a_fault_in_a_process_is_told_and_the_others_go_on(row):
    envs, _ = played("balance", 2)
    world = envs._rows.world
    bad = np.zeros((3, 2))
    bad[row] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        world.step(bad)
    world.step(np.zeros((3, 2)))  # nobody waits for an answer that was not taken
    assert world.read()["poses"].shape == (3, 2, 2, 7)
    envs.close()


def test_closing_ends_the_processes():
    envs, _ = played("balance", 3)
    processes = list(envs._rows.world._processes)
    envs.close()
    assert [process.exitcode for process in processes] == [0, 0]
    envs.close()  # once more does nothing


def test_a_process_that_dies_is_told():
    envs, _ = played("balance", 2)
    envs._rows.world._processes[0].kill()
    with pytest.raises((RuntimeError, BrokenPipeError)):
        for _ in range(3):
            envs.step(envs.action_space.sample())


def test_gymnasium_makes_them_by_name():
    envs = gymnasium.make_vec("control_bench/Balance-v0", num_envs=4, processes=2, actions="continuous")
    observation, _ = envs.reset(seed=0)
    assert observation.shape == (4, 2, 2, 7)
    envs.close()


@pytest.mark.parametrize("wrong", [{"processes": 0}, {"processes": "x"}, {"num_envs": 0}, {"num_envs": -1}])
def test_numbers_of_no_use_are_told(wrong):
    with pytest.raises(BadInput, match="should be a whole number above 0"):
        gymnasium.make_vec("control_bench/Balance-v0", **{"num_envs": 2} | wrong)
