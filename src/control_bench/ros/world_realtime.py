"""A world in real time that goes by steps: one of physics and of every sensor at each tick of a clock; the newest
command holds.

After a reset it stands still until the episode has begun: until its judge has judged the first sensors, and its driver
answers them. What falls by itself, as a pole does, would be lost in the time that this takes. Time stands still with
it: what is sent meanwhile is the same moment again, with the same stamp, and no step, for PATIENCE at most.
"""

import functools
import threading
import time
from collections import deque

import numpy as np
import rospy
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import UInt64

from control_bench.env import episode_rngs
from control_bench.msg import Reward
from control_bench.ros.connections import QUEUE, REWARD, STARTED, subscribe
from control_bench.ros.diagnostics import Diagnostics
from control_bench.ros.frames import Frames
from control_bench.ros.parameters import WorldParameters
from control_bench.ros.resets import offer_resets
from control_bench.ros.topics import RobotTopics, topics_of
from control_bench.tasks.base import Task
from control_bench.worlds.base import Readings

LATE = 0.5
"""The share of a step after which a tick that has not begun counts as late."""
PATIENCE = 2.0
"""s, that an episode waits for its judge and its driver: there may be none."""
HEARTBEAT = 0.1
"""s, after which the sensors of a robot that stands still are sent again, to whoever missed them."""
RECENT = 10.0
"""Seconds whose late steps are told of: what was slow at the start need not be known for ever."""


class RealtimeWorld:
    """Runs the world, one row a robot."""

    def __init__(self, task: Task, parameters: WorldParameters) -> None:
        self._task, self._world, self._timeout = task, task.make_world(), parameters.command_timeout
        self._lock = threading.Lock()
        names = [f"robot{i}" for i in range(parameters.robots)]
        rngs = np.random.default_rng(parameters.seed).spawn(len(names))
        self._world.reset(np.arange(len(names)), np.array([task.start(rng) for rng in rngs]), list(rngs))
        self._commands = np.array([topics_of(task, name).stop for name in names])
        self._commanded = np.full(len(names), time.monotonic())
        self._stopped = np.ones(len(names), dtype=bool)
        # Of each row that stands still after a reset: until when at most, and whether its episode is judged.
        self._still_until = np.zeros(len(names))
        self._judged = np.zeros(len(names), dtype=bool)
        # When each row's sensors were sent last, what they said, and the stamp; None after a reset, until they are.
        self._sent = np.zeros(len(names))
        self._moments: list[tuple[Readings, rospy.Time] | None] = [None] * len(names)
        with self._lock:  # a command may come at once
            self._robots = [
                RobotTopics(topics_of(task, name), parameters.clock, functools.partial(self._command, row))
                for row, name in enumerate(names)
            ]
            for row, name in enumerate(names):
                subscribe(f"{name}/{REWARD}", Reward, self._judge, row)
        # Latched: a judge hears so too that this world has taken another's place in mid-episode.
        self._started = [rospy.Publisher(f"{name}/{STARTED}", UInt64, queue_size=QUEUE, latch=True) for name in names]
        for one in self._started:
            one.publish(parameters.seed)
        self._frames, self._diagnostics = Frames(parameters.clock), Diagnostics()
        self._ticks = self._late = 0
        self._stamp = rospy.Time.now()
        self._recent: deque[bool] = deque(maxlen=max(round(RECENT / task.step_duration), 1))
        self._service = offer_resets(lambda: dict.fromkeys(names, self._world.why_not), self._reset)

    def _command(self, row: int, command: np.ndarray) -> None:
        with self._lock:
            if command is self._robots[row].topics.stop:  # one that can't be used: the robot keeps still
                self._stopped[row] = True
            else:
                self._commands[row], self._commanded[row], self._stopped[row] = command, time.monotonic(), False
            if self._judged[row]:
                self._still_until[row] = 0.0

    def _judge(self, message: Reward, row: int) -> None:
        with self._lock:
            moment = self._moments[row]
            self._judged[row] |= moment is not None and message.header.stamp == moment[1]
            self._stopped[row] |= message.terminated or message.truncated

    def _reset(self, robot: str, start: np.ndarray, seed: int) -> rospy.Time:
        row = [one.topics.name for one in self._robots].index(robot)
        with self._lock:
            self._world.reset(np.array([row]), start[None], [episode_rngs(seed)[1]])
            self._stopped[row], self._judged[row], self._moments[row] = True, False, None
            self._still_until[row] = time.monotonic() + PATIENCE
            self._started[row].publish(seed)
            return self._stamp + rospy.Duration(nsecs=1)

    def spin(self) -> None:
        """Ticks until the node is ended; what is late is not made up for."""
        due = time.monotonic()
        while not rospy.is_shutdown():
            due += self._task.step_duration
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            late = time.monotonic() - due
            self._ticks += 1
            self._recent.append(late > LATE * self._task.step_duration)
            if self._recent[-1]:
                self._late += 1
                due = max(due, time.monotonic() - self._task.step_duration)
            with self._lock:
                # The time that the step was due: readings are as far apart as the physics says, however late they come.
                stamp = rospy.Time.now() - rospy.Duration.from_sec(max(time.monotonic() - due, 0.0))
                self._stamp = max(stamp, self._stamp + rospy.Duration(nsecs=1))  # two clocks were read
                self._tick()
            self._tell()

    def _tick(self) -> None:
        now = time.monotonic()
        for row, robot in enumerate(self._robots):
            silent = now - self._commanded[row]
            if self._timeout and silent > self._timeout and not self._stopped[row]:
                name = robot.topics.name
                rospy.logwarn("%s had no command for %.1f s (command_timeout): it keeps still", name, silent)
                self._stopped[row] = True
            if self._stopped[row]:
                self._commands[row] = robot.topics.holding(self._world, row)
        moving, transforms = self._still_until < now, []
        fresh = moving | np.array([moment is None for moment in self._moments])
        if fresh.any():  # else nothing is read: noise would be drawn that an episode has not
            self._world.step(self._commands, moving)
            readings = self._world.read()
        for row, robot in enumerate(self._robots):
            if fresh[row]:
                self._moments[row] = readings, self._stamp
                # A frame is told once a stamp: tf complains of what it knows.
                transforms += robot.topics.transforms(readings, row, self._stamp)
            elif now - self._sent[row] < HEARTBEAT:
                continue
            shown, stamp = self._moments[row]
            robot.publish(shown, row, stamp)
            self._sent[row] = now
        if transforms:
            self._frames.publish(transforms)

    def _tell(self) -> None:
        share = sum(self._recent) / len(self._recent)
        level = DiagnosticStatus.WARN if share > 0.01 else DiagnosticStatus.OK
        values = {"steps": self._ticks, "late": self._late, "rate": f"{1.0 / self._task.step_duration:g} Hz"}
        self._diagnostics.tell(level, f"{share:.2%} of the last {RECENT:.0f} s' steps were late", values)


def main(task: Task, parameters: WorldParameters) -> None:
    RealtimeWorld(task, parameters).spin()
