"""One robot's part in a benchmark: hears its topics, judges its episodes, and says when one has ended or failed.

What the judgement of a moment waits for is the clock's rule: in lockstep it is the command that answered the moment
before; in real time the newest one holds.
"""

import json
import threading
import time
from collections import deque

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

PATIENCE = 1.0
"""Seconds of wall time that the answer to an episode's last moment may take; its controller may be gone."""


class Course:
    """A robot's topics, driver and judge.

    Args:
        name: of the robot. plan: what is run. clock: lockstep or realtime. wake: set when an episode ends or fails, and
            when the next can begin.

    Attributes:
        driver: what the robot's controller says of itself, None until there is one.
        heard: when its sensors last came, s of `time.monotonic()`.
        finished: the episode that has ended; fault: why the one under way can't be judged. Both until the next begins.
        stamp: of the last moment that was judged.
    """

    def __init__(self, name: str, plan, clock: str, wake: threading.Event) -> None:
        self.name, self._wake = name, wake
        task = plan.make_task()
        self._judge, self._topics = Judge(task), topics_of(task, name)
        self._view = self._topics.make_view()
        self.driver: dict | None = None
        self.heard = time.monotonic()
        self.finished: Episode | None = None
        self.fault: str | None = None
        self.stamp, self._judged_at = rospy.Time(), 0.0
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

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come of the last episode, which could be taken for a part of the next."""
        return self._commands.owed <= 0 or time.monotonic() - self._judged_at > PATIENCE

    def begin(self, number: int, seed: int, reset) -> None:
        """Starts an episode: has the world put the robot at its start; BadInput if it can't be put there."""
        start = self._judge.task.start(episode_rngs(seed)[0])
        with self._lock:
            self._commands.forget(cut_short=self._judge.playing)
            self._moment, self.finished, self.fault = None, None, None
            self._judge.playing = False
        answer = reset(self.name, seed, start.tolist())
        if not answer.success:
            raise BadInput(f"{self.name}: {answer.message}")
        with self._lock:
            self._first_stamp = answer.stamp.to_nsec()
            self._judge.begin(number, seed)
            self._view.begin(number)
            self.heard = time.monotonic()
            self._judge_moment()  # the sensors may have come before the answer did

    def _fail(self, fault: str) -> None:
        self.fault = fault
        self._wake.set()

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
            try:
                command = self._topics.command_of(message)
            except BadInput:  # the world says so, and keeps still
                command = self._topics.stop
            self._commands.add(command)
            self._judge_moment()
            if not self._judge.playing:
                self._wake.set()

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
        self._moment, self._judged_at, self.stamp = None, time.monotonic(), rospy.Time(nsecs=stamp)
        message = self._judge.judge(readings, command, self.stamp)
        ended = message.terminated or message.truncated
        if ended:
            self.finished = self._judge.episode()
        self._reward.publish(message)
        self._view.step(readings, command, message)
        if ended:
            self._wake.set()


class EveryCommand:
    """Lockstep: every moment is answered by one command, and the next one judged by it; an episode's first needs none.

    Attributes:
        owed: moments that were judged and not answered; -1 where the answer came before the judgement.
    """

    def __init__(self) -> None:
        self.forget(cut_short=False)

    def add(self, command: np.ndarray) -> None:
        """One more for the same moment is not heard, by the world neither; nor, before the first judgement, what may
        still be about an episode that was cut short."""
        if self.owed >= 0 and not self._cut_short:
            self._commands.append(command)
            self.owed -= 1

    def due(self, stamp: int, first: bool) -> bool:
        """Whether the moment of a stamp, ns, can be judged."""
        return first or bool(self._commands)

    def take(self, stamp: int, first: bool) -> np.ndarray | None:
        """The command to judge it by."""
        self.owed, self._cut_short = self.owed + 1, False
        return None if first else self._commands.popleft()

    def forget(self, cut_short: bool) -> None:
        """A new episode is to begin; cut_short: the last one was not ended."""
        self._commands: deque[np.ndarray] = deque()
        self.owed, self._cut_short = 0, cut_short


class NewestCommand:
    """Real time: the newest command holds, and moments are judged once a step, though sensors come more often.

    Args:
        pause: seconds of a step, 0 where every moment is one.
    """

    owed = 0

    def __init__(self, pause: float, stop: np.ndarray) -> None:
        self._step, self._stop = round(pause * 1e9), stop
        self._judged = 0
        self.forget(cut_short=False)

    def add(self, command: np.ndarray) -> None:
        self._command = command

    def due(self, stamp: int, first: bool) -> bool:
        return first or stamp >= self._judged + self._step - self._step // 4

    def take(self, stamp: int, first: bool) -> np.ndarray | None:
        self._judged = stamp
        return self._command

    def forget(self, cut_short: bool) -> None:
        """As EveryCommand's."""
        self._command = self._stop
