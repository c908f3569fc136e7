"""One robot's part in a benchmark: hears its sensors, judges its episodes, and says when one has ended or failed."""

import json
import threading

import rospy
from std_msgs.msg import String, UInt64

from control_bench.bench.episode import Episode
from control_bench.env import episode_rngs
from control_bench.errors import BadInput
from control_bench.msg import Reward
from control_bench.ros.connections import ANNOUNCEMENT, REWARD, STARTED, publisher, subscribe
from control_bench.ros.judge import Judge
from control_bench.ros.silence import Silence
from control_bench.ros.topics import topics_of


class Course:
    """A robot's topics, driver and judge.

    Args:
        name: of the robot. plan: what is run. clock: lockstep or realtime. wake: set when an episode ends or fails.

    Attributes:
        driver: what the robot's controller says of itself, None until there is one.
        silence: of its sensors.
        stamp: of the last moment that was judged.
    """

    def __init__(self, name: str, plan, clock: str, wake: threading.Event) -> None:
        self.name, self._wake = name, wake
        task = plan.make_task()
        self._judge, self._topics = Judge(task), topics_of(task, name)
        self._view = self._topics.make_view()
        self.driver: dict | None = None
        self.stamp = rospy.Time()
        self._finished: Episode | None = None
        self._fault: str | None = None
        self._lock = threading.RLock()
        self._seed, self._ours = 0, False
        self._first_stamp = 0
        self._moment: tuple[int, dict] | None = None
        self._last: Reward | None = None
        lockstep = clock == "lockstep"
        # In lockstep every moment is a step; in real time sensors may come more often than that.
        step = 0 if lockstep or self._topics.answers else round(task.step_duration * 1e9)
        self._apart = step - step // 4
        counts = self._topics.needed(task.recorded)
        self.silence = Silence(counts)
        self._collector = self._topics.collector(counts, lockstep, self._topics.pace, every=True)
        self._reward = publisher(f"{name}/{REWARD}", Reward, clock)
        subscribe(f"{name}/{STARTED}", UInt64, self._started)
        subscribe(f"{name}/{ANNOUNCEMENT}", String, self._announce)
        for topic in counts:
            subscribe(f"{name}/{topic}", self._topics.types[topic], self._sense, topic, every=True)

    def begin(self, number: int, seed: int, reset) -> None:
        """Starts an episode: has the world put the robot at its start; BadInput if it can't be put there."""
        start = self._judge.task.start(episode_rngs(seed)[0])
        with self._lock:
            self._moment, self._judge.playing = None, False
            self._finished, self._fault = None, None
            self._seed, self._ours = seed, False
        answer = reset(self.name, seed, start.tolist())
        if not answer.success:
            raise BadInput(f"{self.name}: {answer.message}")
        with self._lock:
            self._first_stamp = answer.stamp.to_nsec()
            self._judge.begin(number, seed)
            self._view.begin(number)
            self.silence.hear()
            self._judge_moment()  # the sensors may have come before the answer did

    def take(self) -> tuple[Episode | None, str | None]:
        """The episode that has ended since the last call, and why the one under way can't be judged."""
        with self._lock:
            taken, self._finished, self._fault = (self._finished, self._fault), None, None
        return taken

    def _fail(self, fault: str) -> None:
        self._fault = fault
        self._wake.set()

    def _announce(self, message: String) -> None:
        with self._lock:
            replaced, self.driver = self.driver is not None, json.loads(message.data)
            if replaced:
                self._fail("has a new controller")
        self._wake.set()

    def _started(self, message: UInt64) -> None:
        """The world says what seed the robot's episode was started from, of one reset after the other."""
        with self._lock:
            self.silence.hear()
            stranger = self._ours and message.data != self._seed
            self._ours = message.data == self._seed
            if stranger:
                self._judge.playing = False  # a learner must not take what comes now for this episode's next step
                self._fail("was reset by somebody else")

    def _sense(self, message, topic: str) -> None:
        with self._lock:
            self.silence.hear(topic)
            stamp = message.header.stamp
            messages = self._collector.add(topic, stamp.to_nsec(), message)
            if messages is not None and self._collector.stamp != self.stamp.to_nsec():
                self._moment = (self._collector.stamp, self._topics.readings(messages))
                self._judge_moment()
            elif self._last is not None and stamp == self.stamp and topic == self._topics.pace:
                self._reward.publish(self._last)  # sensors that come again say that somebody may have missed it

    def _judge_moment(self) -> None:
        """Judges the moment that has come, if it is one of the episode's steps."""
        if self._moment is None or not self._judge.playing:
            return
        (stamp, readings), first = self._moment, self._judge.is_first
        if stamp < self._first_stamp or not (first or stamp >= self.stamp.to_nsec() + self._apart):
            return
        self._moment, self.stamp = None, rospy.Time(nsecs=stamp)
        self._last = message = self._judge.judge(readings, self.stamp)
        ended = message.terminated or message.truncated
        if ended and self._fault is None:
            self._finished = self._judge.episode()
        self._reward.publish(message)
        self._view.step(readings, self._judge.command, message)
        if ended:
            self._wake.set()
