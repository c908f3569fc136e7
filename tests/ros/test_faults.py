"""What goes wrong over ROS: killed nodes, a master that is gone, two drivers, strangers' resets. Nothing stored is
lost."""

import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest
import rosgraph
from conftest import connections, node_pid, wait_for
from test_lockstep_parity import assert_same, in_process

from control_bench.bench.store import Store

EPISODES = 4


def stored(path) -> int:
    """Episodes in a store that others may be writing to."""
    try:
        with sqlite3.connect(path) as db:
            return db.execute("SELECT count(*) FROM episodes").fetchone()[0]
    except sqlite3.Error:
        return 0


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("/world_node", "no sensors of robot0 ("),
        ("/robot0/controller_node", "robot0 has a new controller"),
        ("/benchmark_node", "goes on with run"),
    ],
)
def test_kill_9_in_mid_episode(ros, tmp_path, node, said):
    # The others say so and go on when it is started again; the store then holds each episode once, and the same ones.
    store = tmp_path / "ros.db"
    launch = ros.launch(
        "clock:=lockstep", "controller:=turn_until_clear", f"episodes:={EPISODES}", f"store:={store}", "respawn:=true"
    )
    wait_for(lambda: stored(store) >= 1, 60, "the first episode")
    os.kill(wait_for(lambda: node_pid(ros, node), 10, node), 9)
    launch.wait_for_text(said, 40)
    wait_for(lambda: stored(store) == EPISODES, 90, f"{EPISODES} episodes\n{launch.text()[-3000:]}")
    resting = node_pid(ros, "/benchmark_node")
    time.sleep(2.0)  # it holds: ended, it would be started again, and again
    assert node_pid(ros, "/benchmark_node") == resting is not None
    launch.end()
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        assert_same(in_process("turn_until_clear", EPISODES, 0), list(opened.episodes(run)))


def test_a_world_killed_between_robots_starts_both_again(ros, tmp_path):
    # The robot that is not reset yet by the new world is not judged by where that has put it.
    store = tmp_path / "ros.db"
    launch = ros.launch(
        "clock:=lockstep", "controller:=turn_until_clear", f"episodes:={EPISODES}", f"store:={store}", "respawn:=true",
        "robots:=2",
    )  # fmt: skip
    wait_for(lambda: stored(store) >= 1, 60, "the first episode")
    os.kill(wait_for(lambda: node_pid(ros, "/world_node"), 10, "the world"), 9)
    wait_for(lambda: stored(store) == EPISODES, 90, f"{EPISODES} episodes\n{launch.text()[-3000:]}")
    launch.end()
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        theirs = sorted(opened.episodes(run), key=lambda episode: episode.index)
    assert_same(in_process("turn_until_clear", EPISODES, 0), theirs)


def test_a_controller_that_stands_still_for_a_while_changes_nothing(ros, tmp_path):
    # However late an answer is, it is the answer to its own moment.
    store = tmp_path / "ros.db"
    launch = ros.launch("clock:=lockstep", "controller:=turn_until_clear", f"episodes:={EPISODES}", f"store:={store}")
    controller = wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 30, "the controller")
    for said in (1, 2):
        before = stored(store)
        wait_for(lambda before=before: stored(store) > before, 60, "an episode")
        os.kill(controller, signal.SIGSTOP)
        launch.wait_for_text("waiting for its controller_node", 20, times=said)
        os.kill(controller, signal.SIGCONT)
    assert launch.wait(90) == 0
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        assert_same(in_process("turn_until_clear", EPISODES, 0), list(opened.episodes(run)))


def test_roscore_gone(ros, tmp_path):
    # Every node says so in one line and ends with status 1; what was stored stays.
    ros.core()
    store = tmp_path / "ros.db"
    lockstep = ["_clock:=lockstep", "_controller:=turn_until_clear"]
    ros.start("rosparam", "set", "/use_sim_time", "true").wait(20)
    nodes = [
        ros.node("world_node", *lockstep),
        ros.node("controller_node", *lockstep, ROS_NAMESPACE="robot0"),
        ros.node("benchmark_node", *lockstep, f"_store:={store}"),
    ]
    wait_for(lambda: stored(store) >= 1, 60, "the first episode")
    os.kill(rosgraph.Master("/test", master_uri=ros.master).getPid(), 9)
    for node in nodes:
        assert node.wait(30) == 1
        assert "the ROS master at" in node.text() and "is gone: ending" in node.text()
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        assert opened.count(run) >= 1


def test_a_reader_that_stands_still_holds_lockstep_up_and_is_told_of(ros, tmp_path):
    # Nothing is dropped in lockstep: the world waits, says for what, and goes on with the reader.
    store = tmp_path / "ros.db"
    launch = ros.launch("clock:=lockstep", "controller:=turn_until_clear", f"store:={store}")
    wait_for(lambda: stored(store) >= 1, 60, "the first episode")
    echo = ros.start("rostopic", "echo", "/tf")
    wait_for(lambda: connections(ros, "/world_node", "/tf"), 20, "the reader")
    os.kill(echo.process.pid, signal.SIGSTOP)
    launch.wait_for_text("a subscriber that does not read", 90)
    before = stored(store)
    os.kill(echo.process.pid, signal.SIGCONT)
    wait_for(lambda: stored(store) > before, 90, "another episode")


def test_two_controllers_on_one_topic(ros):
    # The second driver is named, by both.
    ros.launch("controller:=turn_until_clear")
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 30, "the first controller")
    second = ros.node("controller_node", "__name:=second", ROS_NAMESPACE="robot0")
    second.wait_for_text("is also sent by /robot0/controller_node: end one of the two", 30)


def test_a_stranger_resets_the_robot(ros, tmp_path):
    # Resets from elsewhere, many at once and in mid-episode, neither block the world nor spoil what is stored.
    store = tmp_path / "ros.db"
    launch = ros.launch("clock:=lockstep", "controller:=turn_until_clear", f"episodes:={EPISODES}", f"store:={store}")
    wait_for(lambda: stored(store) >= 1, 60, "the first episode")
    request = "{robot: robot0, seed: 7, start: [5, 1, 0]}"
    calls = [ros.start("rosservice", "call", "/world_node/reset", request) for _ in range(3)]
    for call in calls:
        assert call.wait(30) == 0 and "success: True" in call.text()
    launch.wait_for_text("was reset by somebody else", 20)
    launch.wait(90)
    with Store(store, create=False) as opened:
        (run,) = opened.runs()
        assert_same(in_process("turn_until_clear", EPISODES, 0), list(opened.episodes(run)))


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("controller:=dqm", "did you mean 'dqn'?"),
        ("settings:=map=nowhere.yaml", "nowhere.yaml: no such file"),
        ("settings:=histroy=2", "did you mean 'history'?"),
        ("checkpoint:=/nowhere.pt", "there is no such checkpoint"),
        ("store:=/proc/nowhere/x.db", "can't be used as a store"),
        ("simulator:=stdr", "is not installed"),
        ("preset:=artcle", "has no preset 'artcle'"),
        ("settings:=map='nowhere", "close the quote"),
    ],
)
def test_bad_input_ends_the_launch_with_one_line(ros, argument, said):
    # The line is the node's own, without a traceback; the node's status is 2, and the launch ends.
    launch = ros.launch("controller:=dqn", argument)
    launch.wait(40)
    text = launch.text()
    lines = [line for line in text.splitlines() if said in line]
    assert lines and "FATAL" in lines[0], text[-2000:]
    assert "exit code 2" in text and "Traceback" not in text


def test_start_in_a_wall_is_refused(ros):
    # The reset service says why in words and leaves the robot where it is.
    ros.launch("controller:=turn_until_clear")
    wait_for(lambda: node_pid(ros, "/world_node"), 30, "the world")
    ros.start("rosservice", "list").wait(20)
    for start, why in (("[0.1, 9, 0]", "in a wall"), ("[50, 9, 0]", "off the map"), ("[1]", "x, y and theta")):
        call = ros.start(
            "rosservice", "call", "--wait", "/world_node/reset", f"{{robot: robot0, seed: 1, start: {start}}}"
        )
        assert call.wait(30) == 0
        assert "success: False" in call.text() and why in call.text()


@pytest.mark.parametrize("after", [0.3, 0.8])
def test_a_node_that_is_ended_while_it_imports_says_nothing(ros, after):
    # As roslaunch ends all the others when one of them has refused its parameters.
    node = ros.start(sys.executable, str(Path(__file__).parents[2] / "scripts" / "grasp_planner_node"))
    time.sleep(after)
    node.process.send_signal(signal.SIGINT)
    node.wait(20)
    assert "Traceback" not in node.text()
