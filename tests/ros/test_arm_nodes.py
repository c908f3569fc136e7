"""arm.launch in real time: its topics, what it does with bad commands and silence, and what it tells of lateness."""

import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import node_pid, wait_for
from test_faults import stored
from test_lockstep_parity import in_process
from thoughtful import THINKS

from control_bench.bench.store import Store

COMMAND = "/robot0/joint_group_effort_controller/command"


def echo(ros, topic: str, count: int, *options: str):
    return ros.start("rostopic", "echo", "-n", str(count), *options, topic)


@pytest.mark.realtime
def test_an_arm_in_real_time(ros, tmp_path):
    # The topics are a robot's, their stamps and names whole; the arm answers 200 times a second and reaches.
    store = tmp_path / "arm.db"
    settings = "settings:=task.dt=0.005 task.leg_time=4"  # time enough, were the machine to pause for a second
    launch = ros.launch(settings, "episodes:=3", f"store:={store}", file="arm.launch")
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 30, "the controller")
    states, target = echo(ros, "/robot0/joint_states", 3), echo(ros, "/robot0/target", 1)
    torques, frames = echo(ros, COMMAND, 1), ros.start("rostopic", "echo", "/tf")
    health = ros.start("rostopic", "echo", "/diagnostics")
    assert states.wait(30) == 0 and re.search(r"name:\s+- joint_1\s+- joint_2", states.text())
    assert " secs: 0\n" not in states.text()
    assert target.wait(30) == 0 and 'frame_id: "robot0/base"' in target.text()
    assert torques.wait(30) == 0 and re.search(r"data: \[.+, .+\]", torques.text())
    frames.wait_for_text('child_frame_id: "robot0/link_2"')
    frames.end()
    assert 'child_frame_id: "robot0/base"' in frames.text()
    for told in ("200 Hz", "robot0/controller_node"):
        health.wait_for_text(told)
    launch.wait(60)
    assert "finished cleanly" in launch.text(), launch.text()[-3000:]
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        episodes = list(opened.episodes(run))
    assert run.via == "realtime" and [episode.outcome for episode in episodes] == ["reached"] * 3
    # Steps are told apart by the clock's time: an episode of 1.05 s a leg has about 420 of them.
    assert all(300 < episode.steps < 600 for episode in episodes)


@pytest.mark.realtime
def test_a_driver_that_thinks_before_it_moves_loses_no_step(ros, tmp_path):
    # Time stands still until it answers: what was sent meanwhile is judged once, and the next is what its answer did.
    ros.env["PYTHONPATH"] = f"{Path(__file__).parent}:{os.environ['PYTHONPATH']}"
    store = tmp_path / "arm.db"
    settings = "settings:=task.dt=0.005"
    launch = ros.launch(
        "controller:=thoughtful:Thoughtful", settings, "episodes:=3", f"store:={store}", file="arm.launch",
    )  # fmt: skip
    launch.wait(60)
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        theirs = list(opened.episodes(run))
    for ours, one in zip(in_process("osc", 3, 0, task="reach", **{"task.dt": 0.005}), theirs, strict=True):
        np.testing.assert_array_equal(one.actions[0], ours.actions[0])
        np.testing.assert_array_equal(one.readings["true_position"][1], ours.readings["true_position"][1])
        assert one.steps < ours.steps + THINKS / 0.005 / 2


@pytest.mark.realtime
def test_a_world_that_takes_anothers_place_in_real_time_has_the_episode_begin_anew(ros, tmp_path):
    # It would stand elsewhere, and be judged as if it had gone there.
    store = tmp_path / "arm.db"
    launch = ros.launch(
        "settings:=task.leg_time=8 task.hold=6", "respawn:=true", "episodes:=1", f"store:={store}", file="arm.launch"
    )
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 40, "the controller")
    moved = ros.start("rostopic", "echo", "-n", "1", "/robot0/reward/step", "--filter", "m.step > 50")
    assert moved.wait(40) == 0
    os.kill(node_pid(ros, "/world_node"), signal.SIGKILL)
    launch.wait_for_text("episode 0 starts again", 30)
    wait_for(lambda: store.exists() and stored(store), 60, "the episode")
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        (episode,) = opened.episodes(run)
    positions = episode.readings["true_position"]
    assert abs(np.diff(positions, axis=0)).max() < 0.1 and episode.outcome == "reached"


@pytest.mark.realtime
def test_a_judge_that_is_held_up_judges_every_step(ros, tmp_path):
    # It reads later what was sent meanwhile: an episode is as long as in-process, where the arm answered in time.
    store = tmp_path / "arm.db"
    launch = ros.launch("settings:=task.dt=0.005", "episodes:=4", f"store:={store}", file="arm.launch")
    launch.wait_for_text("osc: ", 60)  # a line of progress
    judge = node_pid(ros, "/benchmark_node")
    for _ in range(3):
        os.kill(judge, signal.SIGSTOP)
        time.sleep(0.4)
        os.kill(judge, signal.SIGCONT)
        time.sleep(0.8)
    launch.wait(60)
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        assert all(episode.steps > 380 for episode in opened.episodes(run))  # 394 to 426 in-process


@pytest.mark.parametrize(
    "command, told",
    [("data: [.nan, 0.0]", "is not finite"), ("data: [1.0]", "a command of 1 torques, arm two_link has 2 joints")],
)
def test_a_bad_command_is_told_and_moves_nothing(ros, command, told):
    ros.core()
    world = ros.node("world_node", "_task:=reach", "_clock:=realtime", "_command_timeout:=0.5")
    wait_for(lambda: node_pid(ros, "/world_node"), 30, "the world")
    ros.start("rostopic", "pub", "-r", "20", COMMAND, "std_msgs/Float64MultiArray", "{" + command + "}")
    world.wait_for_text(told)
    states = echo(ros, "/robot0/joint_states", 1)
    assert states.wait(20) == 0
    velocity = re.search(r"velocity: \[(.+), (.+)\]", states.text())
    assert float(velocity[1]) == float(velocity[2]) == 0.0


@pytest.mark.realtime
def test_an_arm_that_nobody_commands_any_more_brakes(ros):
    ros.core()
    world = ros.node("world_node", "_task:=reach", "_clock:=realtime", "_command_timeout:=0.3")
    wait_for(lambda: node_pid(ros, "/world_node"), 30, "the world")
    ros.start("rostopic", "pub", "-1", COMMAND, "std_msgs/Float64MultiArray", "data: [0.5, 0.0]")
    world.wait_for_text("it keeps still")
    still = echo(ros, "/robot0/ground_truth/joint_states", 200)
    assert still.wait(20) == 0
    last = re.findall(r"velocity: \[(.+), (.+)\]", still.text())[-1]
    assert all(abs(float(rate)) < 0.05 for rate in last)


@pytest.mark.realtime
def test_a_plan_that_is_late_is_told_and_the_arm_goes_on(ros):
    # A plan for the KUKA takes many steps' time: the last one's gains answer, every step, and /diagnostics says so.
    ros.launch("arm:=kuka", "controller:=ilqr", file="arm.launch")
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 60, "the controller")
    health = ros.start("rostopic", "echo", "/diagnostics")
    health.wait_for_text("the plan is late, the last one's gains have answered", 60)
    torques = echo(ros, COMMAND, 50)
    assert torques.wait(30) == 0


def test_a_world_that_dies_is_started_again_and_the_run_is_whole(ros, tmp_path):
    store = tmp_path / "arm.db"
    launch = ros.launch("clock:=lockstep", "respawn:=true", "episodes:=30", f"store:={store}", file="arm.launch")
    launch.wait_for_text("osc: ", 60)  # a line of progress
    ros.start("kill", "-9", str(node_pid(ros, "/world_node"))).wait(10)

    def stored() -> list[int]:
        with Store(store, create=False) as opened:
            (run,) = opened.runs()
            return [episode.index for episode in opened.episodes(run)]

    wait_for(lambda: len(stored()) == 30, 90, "all episodes")
    assert stored() == list(range(30))
