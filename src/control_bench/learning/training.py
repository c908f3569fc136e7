"""The training loop: any learner on any vector environment, with curves, evaluations and checkpoints that really
resume.

Everything that the coming steps depend on is in `last.pt` (the learner with its replay, optimiser and generators, and
the environment where it offers `get_state`), so that N steps, a stop and N more give the checkpoint that 2 N in one
go give.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from control_bench.controllers.base import Learner, Transitions
from control_bench.env import TaskVectorEnv
from control_bench.errors import BadInput
from control_bench.learning.evaluate import evaluate
from control_bench.learning.settings import TrainingSettings
from control_bench.learning.training_folder import TrainingFolder
from control_bench.plan import Plan
from control_bench.settings import fill

EVALUATION_SEED = 1_000_003
"""Training never evaluates on the episodes that `run` judges by: those have seeds of 63 bits."""


@dataclass
class Progress:
    """Where training stands."""

    steps: int = 0
    episodes: int = 0
    recent: list[float] = field(default_factory=list)
    score: float | None = None
    best: float | None = None
    asked_steps: int = 0
    asked_episodes: int = 0

    def __str__(self) -> str:
        """For the progress bar."""
        recent = np.mean(self.recent) if self.recent else float("nan")
        return f"reward {recent:.4g}" + ("" if self.best is None else f", best evaluation {self.best:.4g}")


class Trainer:
    """Trains a learner.

    Args:
        learner: what learns.
        envs: a `gymnasium.vector.VectorEnv` in NEXT_STEP mode; judges: another, for evaluations.
        settings: see TrainingSettings.
        folder: for what is kept.
        seed: of the first episodes.

    Attributes:
        lengths: what a training can be asked to last, as the command line has it.
    """

    lengths = ("steps", "episodes")

    def __init__(
        self, learner: Learner, envs, judges, settings: TrainingSettings, folder: TrainingFolder, seed: int
    ) -> None:
        self.learner, self.envs, self.judges, self.settings, self.folder = learner, envs, judges, settings, folder
        self.progress = Progress()
        self._observation, info = envs.reset(seed=seed)
        self._state = info.get("state")
        self._ended = np.zeros(envs.num_envs, dtype=bool)
        self._totals = np.zeros(envs.num_envs)

    @classmethod
    def of(cls, plan: Plan, out: Path, about: dict[str, Any], seed: int) -> "Trainer":
        """The trainer of a plan's controller on its task's own vector environment."""
        settings = fill(plan.settings_class("training"), plan.training_settings, "training settings")
        task, judge = plan.make_task(settings.rows), plan.make_task(settings.evaluate_rows)
        learner = plan.make_controller(task, seed)
        envs, judges = (TaskVectorEnv(one, settings.processes) for one in (task, judge))
        return cls(learner, envs, judges, settings, TrainingFolder(out, about), seed)

    def run(
        self,
        steps: int | None = None,
        episodes: int | None = None,
        until: int | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Progress:
        """Trains for so many more steps or episodes, until so many steps in all, or until `stop()`; saves `last.pt`.

        There is a `best.pt` in the end, even if no evaluation was due.
        """
        progress, s = self.progress, self.settings
        # Asked-for lengths add up: rows step together, so a training may end a few steps past what was asked.
        progress.asked_steps = progress.asked_steps + (steps or 0) if until is None else until
        progress.asked_episodes += episodes or 0
        last_step = progress.asked_steps if episodes is None else np.inf
        last_episode = progress.asked_episodes if episodes is not None else np.inf
        while progress.steps < last_step and progress.episodes < last_episode and not stop():
            before = progress.steps
            self._step()
            # What comes after may be asked for in the other unit, and counts from where this stands.
            if episodes is None:
                progress.asked_episodes = progress.episodes
            else:
                progress.asked_steps = progress.steps
            if self._passed(before, s.evaluate_every):
                self._evaluate()
            if self._passed(before, s.log_every):
                self._log()
            if self._passed(before, s.save_every):
                self.save()
            report(progress)
        if stop():
            progress.asked_steps, progress.asked_episodes = progress.steps, progress.episodes
        self.save()
        if progress.best is None:
            # So that there is a best.pt; not noted in last.pt, as a training that went on would not have done it.
            self._evaluate(note=False)
        return progress

    def _passed(self, before: int, every: int) -> bool:
        return before // every < self.progress.steps // every

    def _step(self) -> None:
        action = self.learner.explore(self._observation)
        if not np.isfinite(action).all():
            raise BadInput(
                f"after {self.progress.steps} steps the policy's actions are no numbers any more: lower learning_rate "
                f"or clip_gradient; {self.folder.last} is as it was"
            )
        observation, reward, terminated, truncated, info = self.envs.step(action)
        valid = ~self._ended
        self.learner.learn(
            Transitions(self._observation, action, reward, observation, terminated, truncated, valid, self._state)
        )
        self._observation, self._state, self._ended = observation, info.get("state"), terminated | truncated
        self._totals = np.where(valid, self._totals + reward, 0.0)
        self.progress.steps += int(valid.sum())
        self.progress.episodes += int(self._ended.sum())
        self.progress.recent = (self.progress.recent + self._totals[self._ended].tolist())[-20:]

    def _evaluate(self, note: bool = True) -> None:
        rewards = evaluate(self.learner, self.judges, EVALUATION_SEED)
        self.progress.score = float(rewards.mean())
        if note:
            self.folder.curves.add(self.progress.steps, {"evaluation/reward": self.progress.score})
        if self.progress.best is None or self.progress.score > self.progress.best:
            self.progress.best = self.progress.score
            self.folder.save_best(self.learner.get_policy(), self.progress.steps, self.progress.score)

    def _log(self) -> None:
        values = {f"train/{name}": value for name, value in self.learner.metrics().items()}
        values["train/episodes"] = self.progress.episodes
        if self.progress.recent:
            values["train/reward"] = float(np.mean(self.progress.recent))
        self.folder.curves.add(self.progress.steps, values)

    def save(self) -> None:
        """Writes `last.pt`."""
        state = {
            "learner": self.learner.get_state(),
            "envs": self.envs.get_state() if hasattr(self.envs, "get_state") else None,
            "observation": self._observation,
            "state": self._state,
            "ended": self._ended,
            "totals": self._totals,
            "episodes": self.progress.episodes,
            "asked": [self.progress.asked_steps, self.progress.asked_episodes],
            "recent": self.progress.recent,
            "best": self.progress.best,
            "score": self.progress.score,
        }
        self.folder.save_last(self.learner.get_policy(), self.progress.steps, self.progress.score, state)

    def resume(self) -> None:
        """Takes up where `last.pt` stands. An environment without `get_state` starts new episodes."""
        contents = self.folder.take_up()
        state = contents["training"]
        self.learner.set_state(state["learner"])
        self.progress = Progress(
            contents["steps"], state["episodes"], state["recent"], state["score"], state["best"], *state["asked"]
        )
        if state["envs"] is not None:
            self.envs.set_state(state["envs"])
            self._observation, self._ended, self._totals = state["observation"], state["ended"], state["totals"]
            self._state = state.get("state")  # older ones had none
        else:  # the gap between what was seen last and the new episodes, which a replay must not learn from
            nothing = np.zeros(self.envs.num_envs, dtype=bool)
            action = self.learner.explore(self._observation)
            self.learner.learn(
                Transitions(
                    state["observation"],
                    action,
                    np.zeros(self.envs.num_envs),
                    self._observation,
                    nothing,
                    nothing,
                    nothing,
                )
            )
