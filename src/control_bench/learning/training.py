"""The training loop over transitions: any learner on any vector environment.

Everything that the coming steps depend on is in `last.pt` (the learner with its replay, optimiser and generators, and
the environment where it offers `get_state`), so that N steps, a stop and N more give the checkpoint that 2 N in one
go give.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from control_bench.controllers.base import Learner, Transitions
from control_bench.env import TaskVectorEnv
from control_bench.errors import BadInput
from control_bench.learning.evaluate import evaluate
from control_bench.learning.settings import TrainingSettings
from control_bench.learning.trainer import Progress, Trainer
from control_bench.learning.training_folder import TrainingFolder
from control_bench.plan import Plan
from control_bench.settings import fill

EVALUATION_SEED = 1_000_003
"""Training never evaluates on the episodes that `run` judges by: those have seeds of 63 bits."""


@dataclass
class LearnerProgress(Progress):
    """recent: what the last episodes earned, at most 20."""

    recent: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        recent = np.mean(self.recent) if self.recent else float("nan")
        return f"reward {recent:.4g}" + ("" if self.best is None else f", best evaluation {self.best:.4g}")


class LearnerTrainer(Trainer):
    """Trains a learner.

    Args:
        learner: what learns.
        envs: a `gymnasium.vector.VectorEnv` in NEXT_STEP mode; judges: another, for evaluations.
        settings: see TrainingSettings. folder: for what is kept. seed: of the first episodes.
    """

    Progress = LearnerProgress

    def __init__(
        self, learner: Learner, envs, judges, settings: TrainingSettings, folder: TrainingFolder, seed: int
    ) -> None:
        super().__init__(settings, folder)
        self.learner, self.envs, self.judges = learner, envs, judges
        self._observation, info = envs.reset(seed=seed)
        self._state = info.get("state")
        self._ended = np.zeros(envs.num_envs, dtype=bool)
        self._totals = np.zeros(envs.num_envs)

    @classmethod
    def of(cls, plan: Plan, out: Path, about: dict[str, Any], seed: int) -> "LearnerTrainer":
        """On the vector environment of the plan's task."""
        settings = fill(plan.settings_class("training"), plan.training_settings, "training settings")
        task, judge = plan.make_task(settings.rows), plan.make_task(settings.evaluate_rows)
        learner = plan.make_controller(task, seed)
        envs, judges = (TaskVectorEnv(one, settings.processes) for one in (task, judge))
        return cls(learner, envs, judges, settings, TrainingFolder(out, about), seed)

    def step(self) -> None:
        before = self.progress.steps
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
        if self.passed(before, self.settings.log_every):
            self._log()

    def evaluate(self) -> tuple[float, dict[str, float]]:
        score = float(evaluate(self.learner, self.judges, EVALUATION_SEED).mean())
        return score, {"reward": score}

    def get_policy(self) -> dict:
        return self.learner.get_policy()

    def _log(self) -> None:
        values = {f"train/{name}": value for name, value in self.learner.metrics().items()}
        values["train/episodes"] = self.progress.episodes
        if self.progress.recent:
            values["train/reward"] = float(np.mean(self.progress.recent))
        self.folder.curves.add(self.progress.steps, values)

    def get_state(self) -> dict[str, Any]:
        return {
            "learner": self.learner.get_state(),
            "envs": self.envs.get_state() if hasattr(self.envs, "get_state") else None,
            "observation": self._observation,
            "state": self._state,
            "ended": self._ended,
            "totals": self._totals,
        }

    def set_state(self, state: dict[str, Any], policy: dict) -> None:
        """An environment without `get_state` starts new episodes."""
        self.learner.set_state(state["learner"])
        if state["envs"] is not None:
            self.envs.set_state(state["envs"])
            self._observation, self._ended, self._totals = state["observation"], state["ended"], state["totals"]
            self._state = state["state"]
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
