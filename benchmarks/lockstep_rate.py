#!/usr/bin/env python3
"""Steps a second of lockstep over ROS, beside a bare rospy exchange of the same messages between three processes.

The bare exchange has no world, no controller and no judge in it: one process publishes the messages of a step, two
others answer with a command and a Reward as soon as all have come, and the next step begins; as ours in lockstep, they
do not listen to /clock. The two are measured in turns, in the same run. Where our workspace is sourced:

    python3 benchmarks/lockstep_rate.py [drivebot | reach | balance]
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

import numpy as np
import rospy
from control_bench.msg import Reward
from free_port import free_port
from rosgraph_msgs.msg import Clock

from control_bench.env import episode_rngs
from control_bench.registry import make_task
from control_bench.ros.topics import Topics, topics_of
from control_bench.tasks.base import Task

LAUNCHES = {
    "drivebot": ("drivebot.launch", "turn_until_clear", 5),
    "reach": ("arm.launch", "osc", 25),
    "balance": ("cartpole.launch", "linear", 25),
}
"""A task's launch file, a controller whose own work is small, and episodes of about 5000 steps in all."""
ROLES = ("driver", "judge")
OPTIONS = {"queue_size": 50, "tcp_nodelay": True}


def wanted(task: Task, topics: Topics, role: str) -> dict[str, int]:
    """The topics that one of the other two hears, and how many messages each has in a step."""
    return topics.needed(task.observed if role == "driver" else task.recorded)


def exchange(name: str, seconds: float) -> float:
    """The bare exchange's world: publishes, and waits for both answers."""
    rospy.init_node("bare_world", disable_rostime=True)
    task = make_task(name)
    topics, world, (start, rng) = topics_of(task, "robot0"), task.make_world(), episode_rngs(0)
    world.reset(np.array([0]), task.start(start)[None], [rng])
    readings, step = world.read(), round(task.step_duration * 1e9)
    heard = Counter(topic for role in ROLES for topic in wanted(task, topics, role))
    sensors = {topic: rospy.Publisher(topic, topics.types[topic], **OPTIONS) for topic in heard}
    clock = rospy.Publisher("/clock", Clock, **OPTIONS)
    answered, wake = set(), threading.Condition()

    def answer(message, who):
        with wake:
            answered.add(who)
            wake.notify()

    for topic, kind in ((topics.command, topics.Command), ("reward", Reward)):
        rospy.Subscriber(topic, kind, answer, topic, **OPTIONS)
    until = time.monotonic() + 20.0
    while any(sensor.get_num_connections() < heard[topic] for topic, sensor in sensors.items()):
        if time.monotonic() > until:
            raise SystemExit("the bare exchange's other processes do not listen")
        time.sleep(0.05)
    time.sleep(0.5)
    steps, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        stamp = rospy.Time(nsecs=(1 + steps) * step)  # of a step before it, too, where a moment has several messages
        answered.clear()
        clock.publish(Clock(stamp))
        for topic, messages in topics.messages(readings, 0, stamp, sensors).items():
            for message in messages:
                sensors[topic].publish(message)
        with wake:
            if not wake.wait_for(lambda: len(answered) == 2, timeout=2.0):
                raise SystemExit("the bare exchange lost a message")
        steps += 1
    return steps / (time.perf_counter() - started)


def reply(name: str, role: str) -> None:
    """One of the other two: answers with a message when all it wants has come."""
    rospy.init_node(f"bare_{role}", disable_rostime=True)
    task = make_task(name)
    topics = topics_of(task, "robot0")
    wants = wanted(task, topics, role)
    if role == "driver":
        topic, message = topics.command, topics.command_message(topics.stop, rospy.Time())
    else:
        topic, message = "reward", Reward()
    publisher = rospy.Publisher(topic, type(message), **OPTIONS)
    come, lock = Counter(), threading.Lock()

    def take(_, heard):
        with lock:
            come[heard] += 1
            if come == wants:
                come.clear()
                publisher.publish(message)

    for heard in wants:
        rospy.Subscriber(heard, topics.types[heard], take, heard, **OPTIONS)
    rospy.spin()


def bare(name: str, seconds: float) -> float:
    """Steps a second of the bare exchange, on a master of its own."""
    port = free_port()
    environment = os.environ | {"ROS_MASTER_URI": f"http://localhost:{port}"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    processes = [subprocess.Popen(["roscore", "-p", str(port)], **quiet)]
    try:
        while socket.socket().connect_ex(("localhost", port)):
            time.sleep(0.1)
        time.sleep(1.0)
        for role in ROLES:
            processes.append(subprocess.Popen([sys.executable, __file__, name, "--role", role], **quiet))
        command = [sys.executable, __file__, name, "--role", "world", "--seconds", str(seconds)]
        return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)
    finally:
        for process in reversed(processes):
            process.send_signal(2)
            process.wait(20)


def ours(name: str, episodes: int | None) -> float:
    """Steps a second of a task's launch file in lockstep, as its own table tells."""
    port = free_port()
    launch, controller, usual = LAUNCHES[name]
    episodes = episodes or usual
    arguments = ["clock:=lockstep", f"controller:={controller}", f"episodes:={episodes}"]
    command = ["roslaunch", "-p", str(port), "control_bench", launch, *arguments]
    with tempfile.TemporaryDirectory() as logs:
        environment = os.environ | {"ROS_LOG_DIR": logs}
        text = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    return float(re.search(rf"^{controller} .* (\d+)$", text, re.MULTILINE).group(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=LAUNCHES, default="drivebot", help="default: drivebot")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each bare measurement (default 6)")
    parser.add_argument(
        "--episodes",
        type=int,
        help="of each of ours (default: 5 of 1000 steps, or 25 of about 200)",
    )
    parser.add_argument("--turns", type=int, default=3, help="measurements of each (default 3)")
    parser.add_argument("--role", choices=["world", *ROLES], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    name = arguments.task
    if arguments.role == "world":
        print(exchange(name, arguments.seconds))
    elif arguments.role:
        reply(name, arguments.role)
    else:
        rates = [(bare(name, arguments.seconds), ours(name, arguments.episodes)) for _ in range(arguments.turns)]
        for reference, rate in rates:
            print(f"bare exchange {reference:6.0f} steps/s   lockstep {rate:6.0f} steps/s   {rate / reference:.0%}")
        reference, rate = (sorted(column)[len(column) // 2] for column in zip(*rates, strict=True))
        times = rate * make_task(name).step_duration
        print(f"median: lockstep runs at {rate / reference:.0%} of the bare exchange, {times:.0f} times real time")


if __name__ == "__main__":
    main()
