"""Trains a recurrent policy to reach through the physics: out to a target, back to the middle, and stay there.

A step of training is one second-order update on a batch of reaches; the score is how far the hand is off, in mm, at the
worse of the two ends, on targets that are never trained on.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from control_bench.dynamics import torch_plant
from control_bench.learning.hessian_free import HessianFree, HessianFreeSettings
from control_bench.learning.networks import norms
from control_bench.learning.reaches import Reaches
from control_bench.learning.through_plant import Movements, RollOut, residuals, roll_out
from control_bench.learning.trainer import Progress, Trainer
from control_bench.learning.training_folder import TrainingFolder
from control_bench.settings import fill, require, require_positive

UNSEEN = 64
"""Targets to evaluate on, midway between so many others evenly round the circle."""


@dataclass(frozen=True)
class ReachTrainingSettings(HessianFreeSettings):
    """Beside what HessianFreeSettings has:

    Attributes:
        steps: updates. rows: reaches in a batch. resample: updates on one batch, 0 for the same one always.
        legs: 1, out alone; 2, out and back. starts: the joints where a reach begins: the `middle` of the targets, the
            arm's own `start`, or either.
        reach: seconds after which the hand should be there. stay_least, stay_most: between which the time there is
            drawn. hold: seconds at the end.
        angle_weight, rate_weight: of the joints' errors, rad and rad/s. effort: of dt |torque|^2.
        loss: at which training ends. evaluate_every, save_every: updates.
    """

    steps: int = 60
    rows: int = 32
    resample: int = 10
    legs: Literal[1, 2] = 2
    starts: Literal["middle", "start", "either"] = "either"
    reach: float = 0.4
    stay_least: float = 0.05
    stay_most: float = 0.6
    hold: float = 1.0
    angle_weight: float = 3.0
    rate_weight: float = 0.3
    effort: float = 1e-4
    loss: float = 0.0
    evaluate_every: int = 10
    save_every: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "steps", "rows", "reach", "angle_weight", "rate_weight", "evaluate_every", "save_every")
        for name in ("resample", "stay_least", "hold", "effort", "loss"):
            require(getattr(self, name) >= 0, f"{name}: should be 0 or more")
        require(self.stay_most >= self.stay_least, "stay_most: should be stay_least or more")


@dataclass
class ReachProgress(Progress):
    """loss: of the last update. The score is minus the mean error, mm."""

    loss: float = float("nan")

    def __str__(self) -> str:
        found = self.evaluation
        off = f", hand off by {found['hand_error']:.3g} mm (most {found['worst']:.3g})" if found else ""
        return f"loss {self.loss:.3g}{off}"


class ReachTrainer(Trainer):
    """Trains `ahf`. The same seed, stopped and resumed or not, gives the same policy.

    Reaches are the training settings' own: the task gives the arm, its step, delay and noise, not its start or times.

    Args:
        controller: an AHF. task: the Reach it is for, whose delay and noise it is trained with.
    """

    lengths = ("steps",)
    Progress = ReachProgress

    def __init__(self, controller, task, settings: ReachTrainingSettings, folder: TrainingFolder, seed: int):
        super().__init__(settings, folder)
        self.controller, self.task, self._seed = controller, task, seed
        self.optimiser = HessianFree(controller.policy, settings)
        dt = controller.model.dt
        require(
            round(settings.reach / dt) > 0, f"reach: {settings.reach:g} s is less than a step of {dt:g} s: give more"
        )

    @classmethod
    def of(cls, plan, out: Path, about: dict[str, Any], seed: int) -> "ReachTrainer":
        settings = fill(ReachTrainingSettings, plan.training_settings, "training settings")
        task = plan.make_task()
        require(not task.settings.force_field, "force_field: ahf is trained without one: set it to 0")
        return cls(plan.make_controller(task, seed), task, settings, TrainingFolder(out, about), seed)

    def _draw(
        self, rng: np.random.Generator, rows: int, offset: float | None = None, starts: str = ""
    ) -> tuple[Reaches, Movements]:
        """Reaches to targets evenly round the circle, turned by chance, or by `offset` of the angle between two; and as
        tensors, with the task's delay and its noise drawn."""
        s, task, model, middle = self.settings, self.task.settings, self.controller.model, self.controller.middle
        turned = rng.uniform() if offset is None else offset
        targets = model.circle(2.0 * np.pi * (np.arange(rows) + turned) / rows)
        choices = {"middle": np.ones(rows), "start": np.zeros(rows), "either": np.arange(rows) % 2}
        from_middle = rng.permutation(choices[starts or s.starts])[:, None] > 0
        reach, hold, *stay = (round(time / model.dt) for time in (s.reach, s.hold, s.stay_least, s.stay_most))
        reaches = Reaches(
            begin=np.where(from_middle, middle, model.start),
            goals=np.array([self.controller.goal_of(target) for target in targets]),
            back=middle if s.legs == 2 else None,
            reach=reach,
            hold=hold,
            switch=reach + rng.integers(*stay, rows, endpoint=True),
        )
        weights = np.repeat([s.angle_weight, s.rate_weight], model.joints)
        sensor_noise = np.repeat([task.position_noise, task.velocity_noise], model.joints)
        delay = round(task.delay / model.dt)
        return reaches, reaches.batch(rng, weights, s.effort * model.dt, sensor_noise, task.motor_noise, delay)

    def _roll_out(self, policy: Callable, batch: Movements) -> RollOut:
        return roll_out(policy, partial(torch_plant.step, self.controller.model), self.controller.observe, batch)

    def _problem(self, batch: Movements, policy: Callable) -> tuple[torch.Tensor, torch.Tensor]:
        rolled = self._roll_out(policy, batch)
        return residuals(rolled, batch), rolled.hidden.transpose(0, 1).flatten(1)

    def hand_errors(self, starts: str = "") -> np.ndarray:
        """How far the hand is off, m, at the worse of its ends, of reaches to targets not trained on (64,).

        starts: as in the settings, by default theirs.
        """
        reaches, batch = self._draw(np.random.default_rng([self._seed, 1]), UNSEEN, 0.5, starts)
        with torch.no_grad():
            states = self._roll_out(self.controller.policy, batch).states.numpy()
        return reaches.hand_errors(self.controller.model, states)

    @property
    def finished(self) -> bool:
        return self.progress.loss <= self.settings.loss

    def step(self) -> None:
        """One update."""
        s, progress = self.settings, self.progress
        drawn = progress.steps // s.resample if s.resample else 0
        _, batch = self._draw(np.random.default_rng([self._seed, 2, drawn]), s.rows)
        update = self.optimiser.update(partial(self._problem, batch))
        progress.steps, progress.loss = progress.steps + 1, update.loss
        progress.episodes += s.rows
        values = asdict(update) | norms(self.controller.policy)
        self.folder.curves.add(progress.steps, {f"train/{name}": value for name, value in values.items()})

    def evaluate(self) -> tuple[float, dict[str, float]]:
        errors = 1e3 * self.hand_errors()
        mean = float(errors.mean())
        return -mean, {"hand_error": mean, "worst": float(errors.max())}

    def get_policy(self) -> dict:
        return self.controller.get_policy()

    def get_state(self) -> dict[str, Any]:
        return {"optimiser": self.optimiser.get_state()}

    def set_state(self, state: dict[str, Any], policy: dict) -> None:
        self.controller.set_policy(policy)
        self.optimiser.set_state(state["optimiser"])
