"""A batch of reaches as a timetable: where each begins, what is shown when, and where the joints should be by when."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from control_bench.dynamics.base import ArmModel
from control_bench.learning.through_plant import Movements

HOLD_CHECKS = 5
"""Moments, evenly from being back to the end, at which an arm that should stay is checked."""


@dataclass(frozen=True)
class Reaches:
    """To the goals and, unless `back` is None, to `back` and to stay there.

    Attributes:
        begin, goals: joint angles, rad (rows, n). back: joint angles, rad (n,), or None.
        reach: steps after which the hand should be where it is sent. hold: steps at the end.
        switch: the step of each reach from which `back` is shown, at which it must still be at its goal (rows,).
    """

    begin: np.ndarray
    goals: np.ndarray
    back: np.ndarray | None
    reach: int
    hold: int
    switch: np.ndarray

    @property
    def steps(self) -> int:
        """Of the longest one, and for all."""
        longest = int(self.switch.max())
        return longest if self.back is None else longest + self.reach + self.hold

    def shown(self) -> np.ndarray:
        """The joint angles that are asked for at every step, rad (steps, rows, n)."""
        late = self.goals if self.back is None else self.back
        return np.where((np.arange(self.steps)[:, None] < self.switch)[:, :, None], self.goals, late)

    def checks(self) -> np.ndarray:
        """The steps at which the joints' errors count (rows, k)."""
        if self.back is None:
            return self.switch[:, None]
        staying = np.linspace(0, self.hold, HOLD_CHECKS).round().astype(int)
        there = np.full((len(self.switch), 1), self.reach)
        return np.concatenate([there, self.switch[:, None], (self.switch + self.reach)[:, None] + staying], axis=1)

    def wanted(self) -> np.ndarray:
        """The joint angles at the checks, rad (rows, k, n)."""
        if self.back is None:
            return self.goals[:, None]
        return np.where((self.checks() <= self.switch[:, None])[:, :, None], self.goals[:, None], self.back)

    def batch(
        self, rng: np.random.Generator, weights: np.ndarray, effort: float, sensor_noise: np.ndarray,
        motor_noise: float, delay: int,
    ) -> Movements:  # fmt: skip
        """As tensors to train on, with noise drawn: standard deviations of the sensors (2n,), rad and rad/s, and of the
        torques, N m; weights, effort and delay as Movements has them."""
        shown, wanted = self.shown(), self.wanted()
        steps, rows, n = shown.shape
        tensor, normal = partial(torch.as_tensor, dtype=torch.float64), rng.standard_normal
        return Movements(
            starts=tensor(np.hstack([self.begin, np.zeros_like(self.begin)])),
            goals=tensor(shown),
            checks=torch.as_tensor(self.checks()),
            wanted=tensor(np.concatenate([wanted, np.zeros_like(wanted)], axis=2)),
            weights=tensor(weights),
            effort=effort,
            sensor_noise=tensor(sensor_noise * normal((steps, rows, 2 * n))) if sensor_noise.any() else None,
            motor_noise=tensor(motor_noise * normal((steps, rows, n))) if motor_noise else None,
            delay=delay,
        )

    def hand_errors(self, model: ArmModel, states: np.ndarray) -> np.ndarray:
        """How far the hand was off at the worse of a reach's ends, m (rows,); states (steps + 1, rows, 2n).

        From when it should be back it has to stay, so every step of that counts.
        """
        rows = np.arange(len(self.switch))
        goals = model.hands(self.goals)
        errors = np.linalg.norm(model.hands(states[self.switch, rows]) - goals, axis=1)
        if self.back is not None:
            home = model.hand(self.back)
            for late in range(self.hold + 1):
                hands = model.hands(states[self.switch + self.reach + late, rows])
                errors = np.maximum(errors, np.linalg.norm(hands - home, axis=1))
        return errors
