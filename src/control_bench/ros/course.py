"""One robot's part in a benchmark: hears its topics, judges its episodes, and says when one has ended or failed.

What the judgement of a moment waits for is the clock's rule: a command for every moment in lockstep, the newest one in
real time.
"""

import json
import threading
import time

import numpy as np
import rospy
from std_msgs.msg import String, UInt64

from control_bench.bench.episode import Episode
from control_bench.env import episode_rngs
from control_bench.errors import BadInput
from control_bench.msg import Reward
from control_bench.ros.collector import Collector, Newest
from control_bench.ros.connections import ANNOUNCEMENT, REWARD, STARTED, publisher, subscribe
from control_bench.ros.judge import Judge
from control_bench.ros.topics import topics_of


class Course:
    """A robot's topics, driver and judge.

    Args:
        name: of the robot. plan: what is run. clock: lockstep or realtime. wake: notified when an episode ends or
            fails.

    Attributes:
        driver: what the robot's controller says of itself, None until there is one.
        heard: when its sensors last came, s of `time.monotonic()`.
        finished: the episode that has ended; fault: why the one under way can't be judged. Both until the next begins.
    """

    def __init__(self, name: str, plan, clock: str, wake: threading.Condition) -> None:
        self.name, self._wake = name, wake
        task = plan.make_task()
        self._judge, self._topics = Judge(task), topics_of(task, name)
        self._view = self._topics.make_view()
        self.driver: dict | None = None
        self.heard = time.monotonic()
        self.finished: Episode | None = None
        self.fault: str | None = None
        self._first_stamp = 0
        self._lock = threading.RLock()
        self._moment: tuple[int, dict] | None = None
        lockstep = clock == "lockstep"
        pause = 0.0 if self._topics.answers else task.step_duration
        self._commands = EveryCommand() if lockstep else NewestCommand(pause, self._topics.stop)
        types = self._topics.types
        self._collector = Collector(types) if lockstep else Newest(types, self._topics.pace)
        self._reward = publisher(f"{name}/{REWARD}", Reward, clock)
        subscribe(f"{name}/{STARTED}", UInt64, self._started)
        subscribe(f"{name}/{ANNOUNCEMENT}", String, self._announce)
        subscribe(f"{name}/{self._topics.command}", self._topics.Command, self._command)
        for topic, kind in types.items():
            subscribe(f"{name}/{topic}", kind, self._sense, topic)

    def begin(self, number: int, seed: int, reset) -> None:
        """Starts an episode: has the world put the robot at its start; BadInput if it can't be put there."""
        start = self._judge.task.start(episode_rngs(seed)[0])
        # The sensors may come before the answer does: they wait for the lock, and are judged once the stamp is known.
        with self._lock:
            self._commands.forget()
            self._moment, self.finished, self.fault = None, None, None
            self._judge.playing = False
            answer = reset(self.name, seed, start.tolist())
            if not answer.success:
                raise BadInput(f"{self.name}: {answer.message}")
            self._first_stamp = answer.stamp.to_nsec()
            self._judge.begin(number, seed)
            self._view.begin(number)
            self.heard = time.monotonic()

    def _fail(self, fault: str) -> None:
        with self._wake:
            self.fault = fault
            self._wake.notify_all()

    def _announce(self, message: String) -> None:
        replaced, self.driver = self.driver is not None, json.loads(message.data)
        if replaced:
            self._fail("has a new controller")

    def _started(self, message: UInt64) -> None:
        """The world says what seed the robot's episode was started from: somebody else's, where it is not ours."""
        with self._lock:
            stranger = self._judge.playing and message.data != self._judge.seed
        if stranger:
            self._fail("was reset by somebody else")

    def _command(self, message) -> None:
        with self._lock:
            if not self._judge.playing:
                return
            try:
                command = self._topics.command_of(message)
            except BadInput:  # the world says so, and keeps still
                command = self._topics.stop
            self._commands.add(command)
            self._judge_moment()

    def _sense(self, message, topic: str) -> None:
        with self._lock:
            self.heard = time.monotonic()
            messages = self._collector.add(topic, message.header.stamp.to_nsec(), message)
            if messages is not None:
                self._moment = (self._collector.stamp, self._topics.readings(messages))
                self._judge_moment()

    def _judge_moment(self) -> None:
        """Judges the moment where all that it needs has come."""
        if self._moment is None or not self._judge.playing:
            return
        stamp, readings = self._moment
        if stamp < self._first_stamp or not self._commands.due(stamp, self._judge.is_first):
            return
        command = self._commands.take(stamp, self._judge.is_first)
        self._moment = None
        message = self._judge.judge(readings, command, rospy.Time(nsecs=stamp))
        ended = message.terminated or message.truncated
        if ended:
            self.finished = self._judge.episode()
        self._reward.publish(message)
        self._view.step(readings, command, message)
        if ended:
            with self._wake:
                self._wake.notify_all()


class EveryCommand:
    """Lockstep: a moment is judged by the first command since the last one; an episode's first moment needs none."""

    def __init__(self) -> None:
        self._command: np.ndarray | None = None

    def add(self, command: np.ndarray) -> None:
        if self._command is None:  # one command a moment, the first, as the world has it
            self._command = command

    def due(self, stamp: int, first: bool) -> bool:
        """Whether the moment of a stamp, ns, can be judged."""
        return first or self._command is not None

    def take(self, stamp: int, first: bool) -> np.ndarray | None:
        """The command to judge it by. What was sent up to the first moment belongs to another episode."""
        command, self._command = self._command, None
        return None if first else command

    def forget(self) -> None:
        self._command = None


class NewestCommand:
    """Real time: the newest command holds, and moments are judged once a step, though sensors come more often.

    Args:
        pause: seconds of a step, 0 where every moment is one.
    """

    def __init__(self, pause: float, stop: np.ndarray) -> None:
        self._step, self._stop = round(pause * 1e9), stop
        self._judged = 0
        self.forget()

    def add(self, command: np.ndarray) -> None:
        self._command = command

    def due(self, stamp: int, first: bool) -> bool:
        return first or stamp >= self._judged + self._step - self._step // 4

    def take(self, stamp: int, first: bool) -> np.ndarray | None:
        self._judged = stamp
        return self._command

    def forget(self) -> None:
        self._command = self._stop
