"""Model predictive control by iterative LQR: plans torques to the target, and plans again as it goes.

The horizon shrinks as a reach goes on, so that the hand arrives when the first plan said (studywolf's control suite,
ilqr); close to the end it stays at its shortest. Between two plans, and while one is late, the last one's gains
answer.
"""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass

import numpy as np

from control_bench.controllers.arm import ArmController
from control_bench.controllers.ilqr_solver import Solution, Solver
from control_bench.dynamics.base import Trajectory
from control_bench.settings import require, require_positive

log = logging.getLogger(__name__)
MARGIN = 0.5
"""The share of a deadline after which a plan counts as late: the rest is for all else that a step has to do."""


@dataclass(frozen=True)
class ILQRSettings:
    """Attributes:
    horizon: steps of a reach. shortest: steps that are always planned ahead. replan: steps between two plans.
    position, velocity: weights of the end's errors, 1/m^2 and s^2/rad^2, beside dt |u|^2 a step.
    first_iterations, iterations: at most, for a new target and after that. tolerance: the relative gain in cost below
        which a plan is good. braking: damping of an arm without a plan, 1/s.
    """

    horizon: int = 50
    shortest: int = 10
    replan: int = 1
    position: float = 1e4
    velocity: float = 1e4
    first_iterations: int = 100
    iterations: int = 10
    tolerance: float = 1e-3
    braking: float = 10.0

    def __post_init__(self) -> None:
        names = ("horizon", "shortest", "replan", "position", "velocity", "first_iterations", "iterations", "tolerance")
        require_positive(self, *names, "braking")
        require(self.shortest <= self.horizon, f"horizon: {self.horizon} is below shortest: lower shortest too")
        require(self.replan <= self.shortest, "replan: should be at most shortest, or a plan ends before the next")


class ILQR(ArmController):
    """See the module.

    Attributes:
        deadline: seconds for a step in real time; None waits for every plan, so that a run can be repeated exactly.
        late: steps that the last plan's gains have answered since a plan was in time. diverged: plans running that did.
    """

    Settings = ILQRSettings

    def __init__(self, observation_space, action_space, settings=None, seed: int = 0, *, model) -> None:
        super().__init__(observation_space, action_space, settings, seed, model=model)
        s = self.settings
        self._solver = Solver(model, s.horizon, s.position, s.velocity, s.tolerance)
        self._thread: ThreadPoolExecutor | None = None
        self._forget()

    def _forget(self) -> None:
        self._plan: Trajectory | None = None
        self._pending: tuple[Future, int, np.ndarray] | None = None
        self._clock = self._planned = self._left = self.late = self.diverged = 0
        self._is_new = True

    def begin(self, seed: int) -> None:
        super().begin(seed)
        if self._pending is not None:
            self._pending[0].result()  # the solver's memory is in use until then
        self._forget()

    @property
    def planned(self) -> np.ndarray | None:
        """Where the hand is planned to go, m (steps + 1, dimensions), or None without a plan."""
        if self._plan is None:
            return None
        return self.model.hands(self._plan.states)

    def torque(self, q: np.ndarray, v: np.ndarray, target: np.ndarray) -> np.ndarray:
        s, state = self.settings, np.concatenate([q, v])
        if self.is_new(target):
            self.joints_at(target, q, 1e-4)
            self._left, self._is_new = s.horizon, True
        due = self._is_new or self._plan is None or self._clock - self._planned >= s.replan
        if due and self._pending is None:
            self._begin_plan(state)
        self._take_plan()
        at = self._clock - self._planned
        self._clock += 1
        self._left = max(self._left - 1, s.shortest)
        if self._plan is None:
            return self.model.mass_matrix(q) @ (-s.braking * v) + self.model.bias(q, np.zeros_like(v))
        return self._plan.torque(min(at, len(self._plan) - 1), state)

    def trouble(self) -> str | None:
        if self.diverged:
            return "the plan diverged: the arm brakes"
        return f"the plan is late, the last one's gains have answered {self.late} steps" if self.late else None

    def _begin_plan(self, state: np.ndarray) -> None:
        s, n = self.settings, self.model.joints
        holding = self.model.bias(state[:n], np.zeros(n))
        guess = Trajectory.still(state, holding, self._left)
        if self._plan is not None and not self._is_new:
            rest = self._plan.rest(min(self._clock - self._planned, len(self._plan)))
            steps = min(len(rest), self._left)
            guess.torques[:steps] = rest.torques[:steps]
        work = (guess, self._target, holding, s.first_iterations if self._is_new else s.iterations)
        if self.deadline is None:
            done: Future = Future()
            done.set_result(self._solver.solve(*work))
        else:
            self._thread = self._thread or ThreadPoolExecutor(1)
            done = self._thread.submit(self._solver.solve, *work)
        self._pending, self._asked, self._is_new = (done, self._clock, self._target), time.perf_counter(), False

    def _take_plan(self) -> None:
        """Takes the plan that is being made, if it is done in time and its target is still the one asked for."""
        if self._pending is None:
            return
        done, begun, target = self._pending
        if self.deadline is not None:
            try:
                done.result(max(0.0, MARGIN * self.deadline - (time.perf_counter() - self._asked)))
            except Late:
                self.late += 1
                return
        self._pending = None
        if target is not self._target:
            self.late += 1
            return
        solution: Solution = done.result()
        if solution.status == "diverged":
            if not self.diverged:
                log.warning("ilqr: the plan diverged after %d iterations (cost %g): the arm brakes until one does not",
                            solution.iterations, solution.cost)  # fmt: skip
            self.diverged, self._plan, self._is_new = self.diverged + 1, None, True
            return
        if begun == self._clock:
            self.late = 0
        self._plan, self._planned, self.diverged = solution.plan, begun, 0
