"""Lockstep over ROS gives the very episodes that the same seeds give in-process."""

import numpy as np
import pytest

from control_bench.bench.episode import Run, episode_seed
from control_bench.bench.run import run_episode
from control_bench.bench.store import Store
from control_bench.controllers.actor import Actor
from control_bench.env import TaskEnv
from control_bench.plan import make_plan


def in_process(
    controller: str, episodes: int, seed: int, learn: bool = False, task: str = "drivebot", preset=None, **settings
):
    plan = make_plan(task, controller, preset, assignments=settings, shipped=not learn)
    env = TaskEnv(plan.make_task())
    actor = Actor(plan.make_controller(env.task, seed), learn)
    return [run_episode(env, actor, i, episode_seed(seed, i)) for i in range(episodes)]


def over_ros(ros, tmp_path, *arguments: str, file: str = "drivebot.launch"):
    launch = ros.launch("clock:=lockstep", f"store:={tmp_path / 'ros.db'}", *arguments, file=file)
    launch.wait(150)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    with Store(tmp_path / "ros.db", create=False) as store:
        (run,) = store.runs()
        return run, list(store.episodes(run))


def assert_same(ours, theirs) -> None:
    assert [e.index for e in theirs] == [e.index for e in ours]
    for a, b in zip(ours, theirs, strict=True):
        a.scores.pop("planning_time", None)  # which topics do not tell
        assert (a.seed, a.outcome, a.scores) == (b.seed, b.outcome, b.scores)
        for name in ("rewards", "actions"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for name in a.readings.keys() - {"pose"}:
            np.testing.assert_array_equal(a.readings[name], b.readings[name])
        if "pose" not in a.readings:
            continue
        np.testing.assert_array_equal(a.readings["pose"][:, :2], b.readings["pose"][:, :2])
        # a heading travels as a quaternion, which knows no whole turns
        turns = (a.readings["pose"][:, 2] - b.readings["pose"][:, 2]) / (2 * np.pi)
        np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)


@pytest.mark.parametrize("controller", ["furthest_sonar", "turn_until_clear", "dqn"])
def test_ten_episodes_are_the_same_to_the_last_reward(ros, tmp_path, controller):
    steps = "settings:=task.max_steps=150"
    run, theirs = over_ros(ros, tmp_path, f"controller:={controller}", "episodes:=10", "seed:=5", steps)
    assert (run.via, run.seed, run.controller) == ("lockstep", 5, controller)
    assert_same(in_process(controller, 10, 5, **{"task.max_steps": 150}), theirs)


def test_learning_over_topics_is_learning_in_process(ros, tmp_path):
    # Every reward reaches the learner in its place: a single one lost or doubled would change what follows.
    run, theirs = over_ros(
        ros, tmp_path, "controller:=q_table", "learn:=true", "episodes:=6", "settings:=task.max_steps=150"
    )
    assert run.learning
    assert_same(in_process("q_table", 6, 0, learn=True, **{"task.max_steps": 150}), theirs)


def test_three_robots_share_the_run_and_change_nothing(ros, tmp_path):
    # Each episode is driven by one of three robots in one world; which one does not matter to it.
    _, theirs = over_ros(
        ros, tmp_path, "controller:=turn_until_clear", "robots:=3", "episodes:=7", "settings:=task.max_steps=150"
    )
    assert_same(in_process("turn_until_clear", 7, 0, **{"task.max_steps": 150}), theirs)


def test_noisy_sensors_and_motion_are_drawn_alike(ros, tmp_path):
    # What is random in the world comes from the episode's seed, wherever the world runs.
    setting = "settings:=task.max_steps=60 task.sensor_noise=true"
    _, theirs = over_ros(ros, tmp_path, "controller:=turn_until_clear", "episodes:=3", setting)
    ours = in_process("turn_until_clear", 3, 0, **{"task.max_steps": 60, "task.sensor_noise": True})
    assert_same(ours, theirs)


def test_run_is_a_record_of_its_settings(ros, tmp_path):
    run, _ = over_ros(ros, tmp_path, "controller:=furthest_sonar", "episodes:=1", "settings:=task.reward=forward")
    assert isinstance(run, Run) and run.task_settings["reward"] == "forward"


@pytest.mark.parametrize("controller", ["osc", "ilqr", "ahf"])
def test_an_arm_reaches_the_same_to_the_last_reward(ros, tmp_path, controller):
    run, theirs = over_ros(ros, tmp_path, f"controller:={controller}", "episodes:=4", "seed:=5", file="arm.launch")
    assert (run.task, run.via, run.controller) == ("reach", "lockstep", controller)
    assert_same(in_process(controller, 4, 5, task="reach"), theirs)


def test_two_arms_with_noise_and_lagging_sensors_reach_the_same(ros, tmp_path):
    # What is random and what lags belongs to the episode, whichever arm it is played by.
    settings = {"task.position_noise": 1e-4, "task.motor_noise": 0.05, "task.delay": 0.02, "task.leg_time": 0.8}
    told = "settings:=" + " ".join(f"{key}={value}" for key, value in settings.items())
    _, theirs = over_ros(ros, tmp_path, "robots:=2", "episodes:=5", told, file="arm.launch")
    assert_same(in_process("osc", 5, 0, task="reach", **settings), theirs)


def test_learning_from_pictures_of_two_cameras_is_learning_in_process(ros, tmp_path, one_thread):
    # Two readings of a moment, each with a stamp of its own, and two cameras' pictures: a learner that sees them over
    # topics draws, explores and learns as in-process.
    settings = {"task.longest": 40, "controller.learn_start": 20, "batch": 8, "hidden": [8], "filters": [4]}
    text = " ".join(f"{name}={value}" for name, value in settings.items()).replace(", ", ",")
    _, theirs = over_ros(
        ros, tmp_path, "controller:=naf", "preset:=pixels_alone", "learn:=true", "episodes:=8", f"settings:={text}",
        file="cartpole.launch",
    )  # fmt: skip
    assert sum(episode.steps for episode in theirs) > 30
    assert_same(in_process("naf", 8, 0, learn=True, task="balance", preset="pixels_alone", **settings), theirs)


def test_what_acts_by_pictures_acts_the_same_over_topics(ros, tmp_path, one_thread):
    # The shipped policy sees three steps' pictures of two cameras: every byte and every force is as in-process.
    _, theirs = over_ros(
        ros, tmp_path, "controller:=naf", "preset:=pixels", "episodes:=2", "seed:=5", file="cartpole.launch"
    )
    assert min(episode.steps for episode in theirs) > 30  # untrained, a pole falls within 17
    assert_same(in_process("naf", 2, 5, task="balance", preset="pixels"), theirs)
