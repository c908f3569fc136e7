"""The records: of one episode, and of the run that it belongs to."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from control_bench import __version__


@dataclass
class Episode:
    """One episode: what was seen, done and earned.

    Attributes:
        index: its number in the run, from 0. seed: what it was started from; the same seed gives the same episode.
        outcome: how it ended, in a word. scores: what the task measures beside the reward.
        seconds: wall time it took.
        rewards: (steps,). actions: (steps, ...).
        readings: each sensor's readings, (steps + 1, ...), from the first to the last, so that what a controller saw
            can be computed again.
    """

    index: int
    seed: int
    outcome: str
    scores: dict[str, float]
    seconds: float
    rewards: np.ndarray
    actions: np.ndarray
    readings: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def reward(self) -> float:
        return float(self.rewards.sum())

    @property
    def steps(self) -> int:
        return len(self.rewards)


@dataclass
class Run:
    """A controller on a task: what its episodes have in common.

    Attributes:
        seed: the run's; episode i starts from `episode_seed(seed, i)`. via: `in-process`, `lockstep` or `realtime`.
        learning: whether the controller learned while it was judged.
        label: what tells apart runs of one controller in a report (a checkpoint, a preset, a training seed).
        task_settings, controller_settings: as plain values.
    """

    task: str
    controller: str
    seed: int
    via: str = "in-process"
    learning: bool = False
    label: str = ""
    task_settings: dict[str, Any] = field(default_factory=dict)
    controller_settings: dict[str, Any] = field(default_factory=dict)
    version: str = __version__
    id: str = ""
    started: str = ""


def episode_seed(run_seed: int, index: int) -> int:
    """The seed of a run's episode: runs of neighbouring seeds share none."""
    return int(np.random.SeedSequence([run_seed, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def summary(run: Run, episodes: list[Episode]) -> dict[str, Any]:
    """What `run --json` and `report --json` print of a run."""
    seconds, steps = sum(e.seconds for e in episodes), sum(e.steps for e in episodes)
    names = sorted({name for episode in episodes for name in episode.scores})
    return {
        "task": run.task,
        "controller": run.controller,
        "label": run.label,
        "via": run.via,
        "learning": run.learning,
        "episodes": len(episodes),
        "seed": run.seed,
        "mean_reward": float(np.mean([e.reward for e in episodes])) if episodes else None,
        "rewards": [e.reward for e in episodes],
        "steps": [e.steps for e in episodes],
        "outcomes": [e.outcome for e in episodes],
        "scores": {name: [e.scores.get(name) for e in episodes] for name in names},
        "seconds": seconds,
        "steps_per_second": steps / seconds if seconds else None,
    }
