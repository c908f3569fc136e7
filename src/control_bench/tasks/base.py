"""What every task is: what is asked in a world. It knows nothing of learning, of ROS, or of how the world is
simulated."""

from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np

from control_bench.dynamics.base import ArmModel
from control_bench.tasks.symmetry import Symmetries
from control_bench.worlds.base import Readings, World


@dataclass(frozen=True)
class Judgement:
    """What a step earned, and whether the episode is over; arrays (rows,)."""

    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray

    @property
    def ended(self) -> np.ndarray:
        return self.terminated | self.truncated


class Task:
    """A task on `rows` parallel episodes: every array has a leading axis of rows, and a single episode is one row.

    Over ROS the controller's node calls `observe` and `command`, the benchmark's node `start` and `judge`, so each of
    the four keeps its own memory (histories, step counts) and none relies on another having been called. What is judged
    is what the readings say was done, not what somebody asked for.

    Attributes:
        name: as on the command line.
        Settings: the dataclass of its settings.
        score_units: of its `scores`, where they have one.
        action_names: of discrete actions, where they have some.
        timed: whether an episode's scores tell how long the controller took for a decision, s, as `planning_time`; who
            only sees topics can't know.
        step_duration: seconds of simulated time in a step.
        observation_space, action_space: of one row.
        state_space: of what a simulation knows beside what is observed, None where that is nothing more: learners may
            learn from it in training, and no policy acts by it.
        moments: that a picture's channels tell of, one after the other, the oldest first. stacked: steps that an
            observation has side by side along its last axis, the newest last, an episode's first in place of those
            before it, so that a replay need keep each but once.
        observed: the readings that `observe` uses, so that over ROS no other topic need be waited for.
        recorded: those that `judge` uses and that are kept with an episode, None for all: pictures can be drawn again.
        symmetries: changes of observation and action that leave the task as it is, None where there are none; where
            there is a state, of the state and the action.
        model: what controllers that plan may know of the robot, None where there is no model.
    """

    name: ClassVar[str]
    Settings: ClassVar[type]
    score_units: ClassVar[dict[str, str]] = {}
    action_names: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[bool] = False
    step_duration: float
    observed: tuple[str, ...]
    recorded: tuple[str, ...] | None = None
    observation_space: gymnasium.Space
    action_space: gymnasium.Space
    state_space: gymnasium.Space | None = None
    moments: int = 1
    stacked: int = 1
    model: ArmModel | None = None
    symmetries: Symmetries | None = None

    def __init__(self, settings: Any, rows: int = 1) -> None:
        self.settings, self.rows = settings, rows

    @classmethod
    def lineage(cls) -> list[str]:
        """Its name, and those of the tasks that it was derived from: where it has no topics or pictures, they may."""
        return [vars(kind)["name"] for kind in cls.__mro__ if "name" in vars(kind)]

    def make_world(self) -> World:
        """The simulated world that this task is set in, with as many rows."""
        raise NotImplementedError

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Where an episode starts, as the world's `reset` takes it."""
        raise NotImplementedError

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        """What the controller sees (rows, ...). first: bool (rows,), where these readings begin an episode."""
        raise NotImplementedError

    def state(self, readings: Readings) -> np.ndarray:
        """What the simulation knows (rows, ...), where there is a `state_space`."""
        raise NotImplementedError

    def command(self, action: np.ndarray) -> np.ndarray:
        """What actions (rows, ...) mean to the world."""
        raise NotImplementedError

    def applied(self, readings: Readings) -> np.ndarray:
        """The commands that led to these readings, as the world carried them out; none that matter at an episode's
        start."""
        raise NotImplementedError

    def action(self, command: np.ndarray) -> np.ndarray:
        """The actions that commands stand for: the inverse of `command`, for those who see only topics."""
        raise NotImplementedError

    def judge(self, readings: Readings, first: np.ndarray) -> Judgement:
        """What the step that led to the readings earned; rows that begin an episode, bool (rows,), earn nothing."""
        raise NotImplementedError

    def record(self, readings: Readings, row: int = 0) -> Readings:
        """What is kept of a row's readings."""
        names = readings if self.recorded is None else self.recorded
        return {name: readings[name][row] for name in names}

    def outcome(self, row: int) -> str:
        """How the row's episode ended, in a word."""
        raise NotImplementedError

    def scores(self, row: int) -> dict[str, float]:
        """What the task measures of the row's episode beside its reward."""
        raise NotImplementedError

    def get_state(self) -> dict:
        """All memory between steps; `set_state` takes it back."""
        raise NotImplementedError

    def set_state(self, state: dict) -> None:
        raise NotImplementedError
