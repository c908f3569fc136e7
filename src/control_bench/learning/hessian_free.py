"""Second-order training on residuals: Hessian-free, and an exact Gauss-Newton step where the residuals are few.

The loss is half the sum of squared residuals, a mean over rows. Both methods minimise its Gauss-Newton model, damped by
lambda |step|^2 / 2 (Levenberg-Marquardt):

- `conjugate_gradients` (Martens, 2010; Martens and Sutskever, 2012; the hessianfree library): products with the
  curvature, a stopping rule, backtracking over the iterates, a line search, and structural damping for hidden units.
- `gauss_newton`: with J the residuals' Jacobian, (J^T J + m I)^-1 J^T r = J^T (J J^T + m I)^-1 r, a system of as many
  equations as there are residuals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.func import functional_call

from control_bench.learning.curvature import Products, flatten, jacobian, put, split
from control_bench.settings import require, require_positive

Problem = Callable[[Callable], tuple[torch.Tensor, torch.Tensor]]
"""Of a callable that stands for the network: residuals (rows, width) and its hidden units (rows, anything)."""

TRIES = 30
"""Steps of growing damping after which an update is given up."""


@dataclass(frozen=True)
class HessianFreeSettings:
    """Attributes:
    method: see the module. damping: lambda to begin with.
    cg_iterations: at most. cg_tolerance: relative progress an iteration below which they stop.
    structural: weight of the hidden units' change in the curvature, times lambda; conjugate gradients alone.
    """

    method: Literal["gauss_newton", "conjugate_gradients"] = "gauss_newton"
    damping: float = 1.0
    cg_iterations: int = 96
    cg_tolerance: float = 5e-6
    structural: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "damping", "cg_iterations", "cg_tolerance")
        require(self.structural >= 0, "structural: should be 0 or more")
        few = self.method != "gauss_newton" or not self.structural
        require(few, "structural: set method: conjugate_gradients too, or leave it 0")


@dataclass
class Update:
    """What an update did. rate: the share of its step that was taken, 0 where none helped. iterations: of conjugate
    gradients, or tries of gauss_newton."""

    before: float
    loss: float
    rate: float
    damping: float
    iterations: int


class HessianFree:
    """Trains a module's variables, which it changes in place."""

    def __init__(self, module: nn.Module, settings: HessianFreeSettings) -> None:
        self.module, self.settings = module, settings
        self.damping = settings.damping
        self._last = torch.zeros(sum(p.numel() for p in module.parameters()), dtype=torch.float64)

    def update(self, problem: Problem) -> Update:
        """One step; never to a higher loss."""
        if self.settings.method == "gauss_newton":
            return self._gauss_newton(problem)
        return self._hessian_free(problem)

    def _loss(self, problem: Problem, variables: torch.Tensor) -> float:
        # The module itself keeps its variables: what was kept of its reverse pass is of those.
        tried = split(variables, self.module)
        with torch.no_grad():
            residuals, _ = problem(lambda *inputs: functional_call(self.module, tried, inputs))
        loss = 0.5 * float(residuals.square().sum()) / len(residuals)
        return loss if loss == loss else float("inf")

    def _variables(self) -> torch.Tensor:
        return flatten(p.detach() for p in self.module.parameters())

    def _gauss_newton(self, problem: Problem) -> Update:
        here = self._variables()
        residuals, slopes = jacobian(self.module, lambda module: problem(module)[0])
        rows, error = len(residuals), residuals.reshape(-1)
        before, square, begun = 0.5 * float(error @ error) / rows, slopes @ slopes.T, self.damping
        for number in range(1, TRIES + 1):
            damped = square + self.damping * rows * torch.eye(len(error), dtype=error.dtype)
            step = -slopes.T @ torch.linalg.solve(damped, error)
            ahead = error + slopes @ step
            expected = 0.5 * float(ahead @ ahead) / rows - before
            loss = self._loss(problem, here + step)
            if loss < before:
                put(here + step, self.module)
                self._adapt((loss - before) / expected if expected else 1.0, 2.0, 0.5)
                return Update(before, loss, 1.0, self.damping, number)
            self.damping *= 4.0
        self.damping = begun  # another batch may well go on from here
        return Update(before, before, 0.0, self.damping, TRIES)

    def _adapt(self, ratio: float, up: float, down: float) -> None:
        """Levenberg and Marquardt's schedule by the loss's change over the expected one."""
        if ratio < 0.25:
            self.damping *= up
        elif ratio > 0.75:
            self.damping *= down

    def _hessian_free(self, problem: Problem) -> Update:
        here, structural = self._variables(), self.settings.structural
        width = 0

        def followed(module: Callable) -> torch.Tensor:
            nonlocal width
            residuals, hidden = problem(module)
            width = residuals.shape[1]
            return torch.cat([residuals, hidden], dim=1) if structural else residuals

        products = Products(self.module, followed)
        values = products.values.detach()
        rows, error = len(values), values[:, :width]
        weights = torch.ones(values.shape[1], dtype=values.dtype)
        weights[width:] = structural * self.damping
        before = 0.5 * float(error.square().sum()) / rows
        gradient = products.transposed(torch.cat([error, 0.0 * values[:, width:]], dim=1)) / rows

        def curvature(v: torch.Tensor) -> torch.Tensor:
            return products.transposed(weights * products.along(v)) / rows + self.damping * v

        iterates, count = conjugate_gradients(
            curvature, -gradient, 0.95 * self._last, self.settings.cg_iterations, self.settings.cg_tolerance
        )
        self._last = iterates[-1]
        step, loss = self._backtrack(problem, here, iterates)
        expected = float(gradient @ step + 0.5 * step @ curvature(step))
        ratio = (loss - before) / expected if expected else 1.0
        rate, loss = self._search(problem, here, step, float(gradient @ step), before, loss)
        put(here + rate * step, self.module)
        self._adapt(ratio, 1.5, 0.66)
        return Update(before, loss, rate, self.damping, count)

    def _backtrack(self, problem: Problem, here: torch.Tensor, iterates: list[torch.Tensor]):
        """From the last iterate back while the loss falls."""
        best, least = iterates[-1], self._loss(problem, here + iterates[-1])
        for step in reversed(iterates[:-1]):
            loss = self._loss(problem, here + step)
            if loss > least:
                break
            best, least = step, loss
        return best, least

    def _search(self, problem: Problem, here, step, slope: float, before: float, loss: float) -> tuple[float, float]:
        """The largest share 0.8^k of a step that lowers the loss enough (Armijo); 0 where none of 60 does."""
        rate = 1.0
        for _ in range(60):
            if loss <= before + rate * min(0.01 * slope, 0.0):
                return rate, loss
            rate *= 0.8
            loss = self._loss(problem, here + rate * step)
        return 0.0, before

    def get_state(self) -> dict[str, Any]:
        """What coming updates depend on beside the variables."""
        return {"damping": self.damping, "last": self._last.numpy().copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.damping, self._last = state["damping"], torch.as_tensor(state["last"]).clone()


def conjugate_gradients(
    product: Callable[[torch.Tensor], torch.Tensor],
    right: torch.Tensor,
    start: torch.Tensor,
    iterations: int,
    tolerance: float,
) -> tuple[list[torch.Tensor], int]:
    """Solves A x = right for a positive definite A by products: iterates 5, 6, 7, 9, ... and the last, and how many.

    Stops once the quadratic model's progress over the last max(10, i / 10) iterations is below `tolerance` each.
    """
    x, residual = start.clone(), right - product(start)
    direction, square = residual.clone(), float(residual @ residual)
    kept, keep, values = [], 5, []
    count = 0
    while count < iterations and square > 1e-20:
        bent = product(direction)
        share = square / float(direction @ bent)
        x, residual = x + share * direction, residual - share * bent
        square, old = float(residual @ residual), square
        direction = residual + square / old * direction
        count += 1
        values.append(-0.5 * float((residual + right) @ x))
        if count == keep:
            kept.append(x)
            keep = max(keep + 1, int(keep * 1.3))
        gap = max(count // 10, 10)
        if count > gap and values[-1] < 0.0 and (values[-1] - values[-1 - gap]) / values[-1] < tolerance * gap:
            break
    if not kept or kept[-1] is not x:
        kept.append(x)
    return kept, count
