"""What a report keeps of a run: gathered episode by episode, so that no run's readings are in memory all at once."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from control_bench.bench.episode import Episode, Run
from control_bench.bench.hand_plots import HandPath
from control_bench.bench.statistics import (
    Estimate,
    decile_estimate,
    estimate,
    frequency_table,
    interquartile_mean,
    is_discrete,
)
from control_bench.dynamics.base import ArmModel
from control_bench.errors import BadInput
from control_bench.registry import make_task, task_class

PATHS = 200
"""Of this many episodes the driven path is kept, to choose a typical one from."""
HANDS = 32
"""Of this many episodes the hand's way is kept, to draw them all."""


def _here(found: Callable[..., Any], *arguments) -> Any:
    """A run's task or what belongs to it, None if it is not here: a store may come from another machine."""
    try:
        return found(*arguments)
    except BadInput:
        return None


class Moments:
    """Count, sum and sum of squares of vectors, at numbered places (steps or episodes) that grow as they are met.

    Attributes: count (places,); total, squares (places, width).
    """

    def __init__(self) -> None:
        self.count = np.zeros(0, dtype=np.int64)
        self.total, self.squares = np.zeros((0, 0)), np.zeros((0, 0))

    def grow(self, places: int, width: int) -> None:
        more, wider = max(places - len(self.total), 0), max(width - self.total.shape[1], 0)
        if more or wider:
            self.count = np.pad(self.count, (0, more))
            self.total, self.squares = (np.pad(one, ((0, more), (0, wider))) for one in (self.total, self.squares))

    def add_one_each(self, values: np.ndarray) -> None:
        """Row i of the values (m, width) to place i."""
        m, width = values.shape
        self.grow(m, width)
        self.count[:m] += 1
        self.total[:m, :width] += values
        self.squares[:m, :width] += values**2

    def add_place(self, values: np.ndarray) -> None:
        """All values (m, width) to a new place, the last."""
        place, width = len(self.count), values.shape[1]
        self.grow(place + 1, width)
        self.count[place] = len(values)
        self.total[place, :width] = values.sum(axis=0)
        self.squares[place, :width] = (values**2).sum(axis=0)

    def binned(self, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """At most so many bins of neighbouring places: edges (bins + 1,), mean count of a place (bins,), mean and
        standard deviation (bins, width)."""
        edges = np.linspace(0, len(self.count), min(bins, len(self.count)) + 1).astype(int)
        count = np.add.reduceat(self.count, edges[:-1])
        each = np.maximum(count, 1)[:, None]
        mean = np.add.reduceat(self.total, edges[:-1]) / each
        variance = np.add.reduceat(self.squares, edges[:-1]) / each - mean**2
        return edges, count / np.diff(edges), mean, np.sqrt(np.maximum(variance, 0.0))


class Digest:
    """A run and what its episodes add up to.

    Args:
        run: the run. name: what the report calls it. episodes: its episodes, at least one, read once.

    Attributes:
        action_names: of discrete actions, maybe none.
        rewards, steps, seconds, outcomes: one of each an episode. scores: lists of what was measured, by name.
        discrete: whether its actions are choices; then the moments below are of choices as rows of 0 and 1.
        by_step, by_episode: `Moments` of the actions.
        tables: for discrete actions, a `frequency_table` an episode, by sign where rewards are not whole numbers.
        hands: the hand's way in each of the first episodes of an arm.
        paths: (episode's index in the lists above, x and y in metres (steps + 1, 2)), of the first episodes with poses.
    """

    def __init__(self, run: Run, name: str, episodes: Iterable[Episode]) -> None:
        self.run, self.name, cls = run, name, _here(task_class, run.task)
        self.action_names: Sequence[str] = getattr(cls, "action_names", ())
        self._units: dict[str, str] = getattr(cls, "score_units", {})
        self._model: ArmModel | None = getattr(_here(make_task, run.task, run.task_settings), "model", None)
        self.rewards, self.steps, self.seconds, self.outcomes = [], [], [], []
        self.scores: dict[str, list[float]] = {}
        self.discrete, self.whole = True, True
        self.by_step, self.by_episode = Moments(), Moments()
        self.tables: list[dict[tuple[str, float], int]] = []
        self.paths: list[tuple[int, np.ndarray]] = []
        self.hands: list[HandPath] = []
        for episode in episodes:
            self._add(episode)

    def measured(self, score: str) -> str:
        """A score's name, with its unit where it has one."""
        unit = self._units.get(score)
        return f"{score}, {unit}" if unit else score

    def _add(self, episode: Episode) -> None:
        self._add_path(episode)
        self.rewards.append(episode.reward)
        self.steps.append(episode.steps)
        self.seconds.append(episode.seconds)
        self.outcomes.append(episode.outcome)
        for name, value in episode.scores.items():
            if value is not None and np.isfinite(value):
                self.scores.setdefault(name, []).append(float(value))
        if episode.steps:
            self._add_actions(episode)

    def _add_path(self, episode: Episode) -> None:
        if self._model is not None and len(self.hands) < HANDS:
            hand = HandPath.of(self._model, episode.readings)
            self.hands += [] if hand is None else [hand]
        pose = episode.readings.get("pose")
        if pose is not None and pose.ndim == 2 and pose.shape[1] == 3 and len(self.paths) < PATHS:
            self.paths.append((len(self.rewards), pose[:, :2].astype(np.float32)))

    def _add_actions(self, episode: Episode) -> None:
        self.discrete = is_discrete(episode.actions)
        if self.discrete:
            values = np.eye(max(len(self.action_names), int(episode.actions.max()) + 1))[episode.actions]
            table = frequency_table([episode], self.action_names)
            whole = bool(np.all(episode.rewards == np.round(episode.rewards)))
            self.whole &= whole
            # Else a run of real-valued rewards would keep an entry for each of its steps.
            self.tables.append(table if whole else by_sign(table))
        else:
            values = episode.actions.reshape(episode.steps, -1).astype(float)
        self.by_step.add_one_each(values)
        self.by_episode.add_place(values)

    @cached_property
    def centres(self) -> dict[str, Estimate]:
        """Mean, median and interquartile mean of the reward."""
        statistics = {"mean": np.mean, "median": np.median, "interquartile mean": interquartile_mean}
        return {name: estimate(self.rewards, statistic) for name, statistic in statistics.items()}

    @cached_property
    def deciles(self) -> Estimate:
        """Of the reward, (11,)."""
        return decile_estimate(self.rewards)

    def typical_path(self) -> tuple[int, np.ndarray] | None:
        """The kept path whose episode's reward is nearest to the run's median, with its index; None without poses."""
        middle = np.median(self.rewards)
        return min(self.paths, key=lambda path: abs(self.rewards[path[0]] - middle), default=None)


def by_sign(table: dict[tuple[str, float], int]) -> dict[tuple[str, float], int]:
    """A frequency table with the rewards' signs in place of the rewards."""
    signs: Counter[tuple[str, float]] = Counter()
    for (action, reward), count in table.items():
        signs[action, float(np.sign(reward))] += count
    return dict(signs)
