"""A bag of an episode, played to a controller node alone, makes it send the commands it sent when the bag was made."""

import rosbag
from conftest import node_pid, wait_for

SENSORS = ["/robot0/sonar_0", "/robot0/sonar_1", "/robot0/sonar_2", "/robot0/reward"]
COMMAND = "/robot0/cmd_vel"


def commands(path) -> list[tuple[float, float]]:
    with rosbag.Bag(str(path)) as bag:
        return [(m.linear.x, m.angular.z) for _, m, _ in bag.read_messages(topics=[COMMAND])]


def record(ros, path, topics):
    recorder = ros.start("rosbag", "record", "-O", str(path), *topics, "__name:=recorder")
    wait_for(lambda: node_pid(ros, "/recorder"), 20, "the recorder")
    return recorder


def test_a_bag_gives_the_same_actions(ros, tmp_path):
    ros.core()
    ros.start("rosparam", "set", "/use_sim_time", "true").wait(20)
    first, second = tmp_path / "first.bag", tmp_path / "second.bag"
    recorder = record(ros, first, [*SENSORS, COMMAND])
    launch = ros.launch("clock:=lockstep", "controller:=turn_until_clear", "episodes:=2", "settings:=task.max_steps=80")
    launch.wait(60)
    recorder.end()
    wait_for(first.exists, 20, "the bag to be closed")
    sent = commands(first)
    assert len(sent) == 160 and len(set(sent)) > 1

    # The bag is in simulated time, 0.2 s a step; in lockstep the controller goes by stamps alone, however it is played.
    ros.start("rosparam", "set", "/use_sim_time", "false").wait(20)
    ros.node("controller_node", "_controller:=turn_until_clear", "_clock:=lockstep", ROS_NAMESPACE="robot0")
    wait_for(lambda: node_pid(ros, "/robot0/controller_node"), 20, "the controller")
    recorder = record(ros, second, [COMMAND])
    player = ros.start("rosbag", "play", "-r", "8", "-d", "1", str(first), "--topics", *SENSORS)
    assert player.wait(60) == 0
    recorder.end()
    wait_for(second.exists, 20, "the second bag to be closed")
    assert commands(second) == sent
