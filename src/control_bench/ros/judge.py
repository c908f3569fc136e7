"""Judges one robot's episode by what is on its topics, and records it. Both clocks of benchmark_node use it."""

import time

import numpy as np
import rospy

from control_bench.bench.episode import Episode
from control_bench.msg import Reward
from control_bench.tasks.base import Task


class Judge:
    """One robot's episodes, one after another.

    Args:
        task: of one row, this robot's own: its `judge` remembers.

    Attributes:
        command: that led to the last readings judged, None where they began an episode.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.number, self.seed = -1, 0
        self.playing = False
        self.is_first = True
        self.command: np.ndarray | None = None

    def begin(self, number: int, seed: int) -> None:
        """The next readings judged are the first of this episode."""
        self.number, self.seed, self.playing, self.is_first = number, seed, True, True
        self._rewards, self._actions, self._readings = [], [], []
        self._total = 0.0
        self._started = time.perf_counter()

    def judge(self, readings: dict[str, np.ndarray], stamp: rospy.Time) -> Reward:
        """What the step that led to these readings earned; the first readings earn nothing."""
        judgement = self.task.judge(readings, np.array([self.is_first]))
        self.command = None if self.is_first else self.task.applied(readings)[0]
        self._readings.append(self.task.record(readings))
        if not self.is_first:
            self._total += float(judgement.reward[0])
            self._rewards.append(float(judgement.reward[0]))
            self._actions.append(self.task.action(self.command[None])[0])
        self.is_first = False
        message = Reward(episode=self.number, seed=self.seed, step=len(self._rewards), total=self._total)
        message.header.stamp = stamp
        message.reward = self._rewards[-1] if self._rewards else 0.0
        message.terminated, message.truncated = bool(judgement.terminated[0]), bool(judgement.truncated[0])
        self.playing = not judgement.ended[0]
        return message

    def episode(self) -> Episode:
        """The record of the episode that has ended."""
        return Episode(
            self.number, self.seed, self.task.outcome(0), self.task.scores(0), time.perf_counter() - self._started,
            np.array(self._rewards), np.array(self._actions),
            {name: np.array([one[name] for one in self._readings]) for name in self._readings[0]},
        )  # fmt: skip
