"""The world in lockstep: sensors of one moment, one judgement and one command, then the next moment (see lockstep.py).

It publishes `/clock`; simulated time never goes back, not even when the node is killed and started again.
"""

import functools
import threading
import time

import numpy as np
import rospy
from rosgraph_msgs.msg import Clock
from std_msgs.msg import UInt64

from control_bench.env import episode_rngs
from control_bench.errors import BadInput
from control_bench.msg import Reward
from control_bench.ros.connections import REWARD, STARTED, publisher, subscribe
from control_bench.ros.frames import Frames
from control_bench.ros.lockstep import Lockstep
from control_bench.ros.parameters import WorldParameters
from control_bench.ros.resets import offer_resets
from control_bench.ros.topics import RobotTopics, topics_of
from control_bench.tasks.base import Task

HEARTBEAT = 0.5
"""Seconds of wall time after which the sensors of a moment are sent again to those who may have missed them."""
PATIENCE = 10.0
"""Seconds of wall time that a reset waits for the command which its robot still owes, if its controller is there."""
UNJUDGED = 1.0
"""The same, for a moment that was not judged: a learner would not answer it."""
COMPLAINT = 2.0
"""Seconds of wall time after which the world says who it waits for."""
CLOCK_MARGIN = 3600.0
"""Seconds of simulated time that may pass before the clock's floor is noted again."""


class LockstepWorld:
    """Runs the embedded world, one row a robot."""

    def __init__(self, task: Task, parameters: WorldParameters) -> None:
        self._task, self._world = task, task.make_world()
        step = round(task.step_duration * 1e9)
        self._lock = threading.RLock()
        self._clock = publisher("/clock", Clock, parameters.clock)
        self._state = Lockstep(parameters.robots, round(parameters.clock_start * 1e9) // step * step, step)
        self._floor = 0.0
        self._raise_floor()
        self._readings = None
        self._published = time.monotonic()
        self._complained = False
        self._robots, self._judges, self._started = [], [], []
        self._asked = [0.0] * parameters.robots
        for i in range(parameters.robots):
            name = f"robot{i}"
            take = functools.partial(self._command, i)
            self._robots.append(RobotTopics(topics_of(task, name), parameters.clock, take))
            self._started.append(publisher(f"{name}/{STARTED}", UInt64, parameters.clock))
            self._judges.append(subscribe(f"{name}/{REWARD}", Reward, self._judge, i))
        self._scene, self._frames = self._robots[0].topics.make_scene(), Frames(parameters.clock)
        self._names = [robot.topics.name for robot in self._robots]
        self._service = offer_resets(lambda: dict.fromkeys(self._names, self._world.why_not), self._reset)

    def _raise_floor(self) -> None:
        """Notes a time that the clock has not passed, for the node that may be started in this one's place."""
        now = self._state.stamp * 1e-9
        if now + CLOCK_MARGIN / 2 > self._floor:
            self._floor = now + CLOCK_MARGIN
            rospy.set_param("~clock_start", self._floor)

    def _reset(self, name: str, start: np.ndarray, seed: int) -> rospy.Time:
        robot = self._names.index(name)
        with self._lock:
            self._state.reset(robot, start, seed)
            self._asked[robot] = time.monotonic()
            self._started[robot].publish(seed)
            stamp = self._state.next_stamp
            self._move_on()
        return rospy.Time(nsecs=stamp)

    def _judge(self, message: Reward, robot: int) -> None:
        with self._lock:
            self._state.judge(robot, message.header.stamp.to_nsec(), message.terminated or message.truncated)
            self._move_on()

    def _command(self, robot: int, command: np.ndarray) -> None:
        with self._lock:
            self._state.command(robot, command)
            self._move_on()

    def _move_on(self) -> None:
        if not self._state.ready() or any(self._lacks(robot) for robot in self._state.starting):
            return
        starts, commands = self._state.move_on()
        for robot, (start, seed) in starts.items():
            self._world.reset(np.array([robot]), start[None], [episode_rngs(seed)[1]])
        robots = range(len(self._robots))
        command = np.array([commands.get(i, self._robots[i].topics.stop) for i in robots])
        self._world.step(command, np.array([i in commands for i in robots]))
        self._readings = self._world.read()
        self._raise_floor()
        self._publish()

    def _lacks(self, robot: int) -> str | None:
        """Whose connection to the world is still to be made: what it said meanwhile would be lost."""
        if not self._robots[robot].driven:
            return "controller_node"
        return None if self._judges[robot].get_num_connections() else "benchmark_node"

    def _publish(self) -> None:
        stamp = rospy.Time(nsecs=self._state.stamp)
        self._clock.publish(Clock(stamp))
        for row, robot in enumerate(self._robots):
            if self._state.seats[row].playing:  # else nobody knows yet, or any more, what its sensors belong to
                robot.publish(self._readings, row, stamp)
        if self._frames.wanted:
            transforms = self._scene.transforms(stamp)
            for row, robot in enumerate(self._robots):
                transforms += robot.topics.transforms(self._readings, row, stamp)
            self._frames.publish(transforms)
        self._published = time.monotonic()
        self._complained = False

    def spin(self) -> None:
        """Sends what may have been missed again, and says who is waited for, until the node is ended."""
        last_sent = time.monotonic()
        while not rospy.is_shutdown():
            time.sleep(HEARTBEAT / 5)
            if not self._lock.acquire(timeout=COMPLAINT):
                rospy.logwarn("waiting for a subscriber that does not read what it is sent: end it, or let it go on")
                self._lock.acquire()
            try:
                self._give_up_waiting()
                if time.monotonic() - max(self._published, last_sent) >= HEARTBEAT:
                    last_sent = time.monotonic()
                    self._send_again()
            finally:
                self._lock.release()

    def _give_up_waiting(self) -> None:
        """Begins episodes whose robots' last answer will not come."""
        for robot in self._state.starting:
            seat, driven = self._state.seats[robot], self._robots[robot].driven
            waited = time.monotonic() - self._asked[robot]
            if not seat.owes or (driven and waited < (PATIENCE if seat.judged else UNJUDGED)):
                continue
            if driven and seat.judged:
                rospy.logwarn(
                    "robot%d: its controller owes an answer to the last episode's last moment for %.0f s: beginning "
                    "without it; a controller should answer every moment with one command", robot, waited,
                )  # fmt: skip
            self._state.forgive(robot)
        self._move_on()

    def _send_again(self) -> None:
        published, complained = self._published, self._complained
        if self._readings is None:
            self._clock.publish(Clock(rospy.Time(nsecs=self._state.stamp)))
        else:
            self._publish()
        for robot in self._state.starting:  # that its sensors are silent has a reason
            self._started[robot].publish(self._state.seats[robot].start[1])
        self._published, self._complained = published, complained
        self._complain(time.monotonic() - published)

    def _complain(self, silent: float) -> None:
        if self._complained or silent < COMPLAINT:
            return
        self._complained = True
        for robot in self._state.starting:
            if self._lacks(robot):
                rospy.logwarn("robot%d is to begin an episode: waiting for its %s", robot, self._lacks(robot))
        for what, robots in self._state.owing().items():
            for robot in robots:
                node = "benchmark_node" if what == "judgement" else "controller_node"
                rospy.logwarn("no %s for robot%d for %.0f s: waiting for its %s", what, robot, silent, node)


def main(task: Task, parameters: WorldParameters) -> None:
    if not rospy.get_param("/use_sim_time", False):
        raise BadInput(
            "clock: lockstep needs /use_sim_time: set it to true before any node starts, as our launch files do"
        )
    LockstepWorld(task, parameters).spin()
