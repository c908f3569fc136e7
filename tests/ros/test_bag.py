"""A bag of an episode, played to a controller node alone, makes it send the commands it sent when the bag was made."""

import time

import pytest
import rosbag
from conftest import connections, node_pid, wait_for

DRIVE = {
    "sensors": ["sonar_0", "sonar_1", "sonar_2"],
    "command": "cmd_vel",
    "settings": ["_controller:=turn_until_clear", "_settings:=task.max_steps=80"],
    "steps": 80,
    "rate": 14,  # of simulated time, of which a step takes 0.2 s
}
REACH = {
    "sensors": ["joint_states", "target"],
    "command": "joint_group_effort_controller/command",
    "settings": ["_task:=reach", "_controller:=ahf"],
    "steps": 60,
    "rate": 1.0,
}


def commands(path, topic) -> list[str]:
    with rosbag.Bag(str(path)) as bag:
        return [str(message) for _, message, _ in bag.read_messages(topics=[topic])]


def settle(text, seconds=1.0):
    """Waits until nothing has been told for so long: a busy machine is behind with what was sent last."""
    told, since = text(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.1)
        if text() != told:
            told, since = text(), time.monotonic()


def record(ros, path, topics):
    recorder = ros.start("rosbag", "record", "-O", str(path), *topics, "__name:=recorder")
    wait_for(lambda: node_pid(ros, "/recorder"), 20, "the recorder")
    return recorder


@pytest.mark.parametrize("task", [DRIVE, REACH], ids=["drivebot", "reach"])
def test_a_bag_gives_the_same_actions(ros, tmp_path, task):
    sensors, command = [f"/robot0/{topic}" for topic in [*task["sensors"], "reward"]], f"/robot0/{task['command']}"
    ros.core()
    ros.start("rosparam", "set", "/use_sim_time", "true").wait(20)
    first, second = tmp_path / "first.bag", tmp_path / "second.bag"
    recorder = record(ros, first, [*sensors, command])
    heard = ros.start("rostopic", "echo", command)
    drive = [*task["settings"], "_clock:=lockstep"]
    world = ros.node("world_node", *drive)
    wait_for(lambda: node_pid(ros, "/world_node"), 30, "the world")
    wait_for(
        lambda: all(connections(ros, "/world_node", topic) for topic in sensors[:-1]),
        20,
        "the recorder to hear the world",
    )
    controller = ros.node("controller_node", *drive, ROS_NAMESPACE="robot0")
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 20, "the controller")
    benchmark = ros.node("benchmark_node", *drive, "_episodes:=3")
    assert benchmark.wait(60) == 0
    settle(heard.text)
    controller.end()
    world.end()  # it would go on sending its last moment
    recorder.end()
    wait_for(first.exists, 20, "the bag to be closed")
    sent = commands(first, command)
    last = sent[-task["steps"] :]  # of the last episode: the recorder may have heard the first one's nodes too late
    assert len(sent) > task["steps"] and len(set(last)) > 1

    # The bag is in simulated time, 0.2 s a step; in lockstep the controller goes by stamps alone, however it is played.
    ros.start("rosparam", "set", "/use_sim_time", "false").wait(20)
    ros.node("controller_node", *drive, ROS_NAMESPACE="robot0")
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 20, "the controller")
    recorder = record(ros, second, [command])
    wait_for(lambda: connections(ros, "/robot0/controller_node", command), 20, "the recorder to hear the controller")
    player = ros.start(
        "rosbag", "play", "-r", str(task["rate"]), "-d", "2", "--wait-for-subscribers", str(first), "--topics", *sensors
    )
    assert player.wait(60) == 0
    settle(heard.text)
    recorder.end()
    wait_for(second.exists, 20, "the second bag to be closed")
    assert commands(second, command)[-task["steps"] :] == last
