"""What tasks of a pole share that stands on what is pushed about: pushes, falls, and what a step earns.

Source: matpalm's cartpole++ (2016). An episode begins with a push in a direction drawn at random, and ends when the
pole has left the field ("out of bounds") or leans too far ("fallen"), or after `longest` steps ("balanced").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from gymnasium import spaces
from numba import njit

from control_bench.errors import BadInput
from control_bench.resources import load_class, needing
from control_bench.settings import require, require_positive
from control_bench.tasks.base import Judgement, Task
from control_bench.tasks.history import History
from control_bench.tasks.pole_rules import OUTCOMES, Memory, judge_step
from control_bench.tasks.symmetry import of_a_square
from control_bench.worlds.base import Readings
from control_bench.worlds.cartpole import PHYSICS_STEP, CartpoleWorld, Scene
from control_bench.worlds.renderer import Renderer

PUSHES = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
"""The discrete actions, in shares of the force."""


@njit(cache=True)
def _forces_of_choices(chosen, force, forces):
    """Of actions by their places in PUSHES; whether all are there."""
    for row in range(len(chosen)):
        if not 0 <= chosen[row] < len(PUSHES) or chosen[row] != math.floor(chosen[row]):
            return False
        forces[row] = force * PUSHES[int(chosen[row])]
    return True


@njit(cache=True)
def _forces_of_shares(shares, force, forces):
    """Of shares, cut to -1..1; whether all are finite."""
    for row in range(len(shares)):
        for axis in range(2):
            share = shares[row, axis]
            if not math.isfinite(share):
                return False
            forces[row, axis] = force * min(max(share, -1.0), 1.0)
    return True


@dataclass(frozen=True)
class PoleSettings:
    """What can be set of every task of a pole.

    Attributes:
        actions: discrete: none, +x, -x, +y, -y; continuous: shares (2,) of the force along x and y.
        force: of an action, N. push: of the push that an episode begins with, N; push_angle: rad, or none to draw it.
        repeats: readings in a step. steps_per_repeat: physics steps of 1/240 s between two of them.
        history: steps whose readings are observed at once, the newest last, as if there were as many times the repeats.
        longest: steps of an episode.
        reward: fixed, 1 a step; angle: and 0.6 less the leaning; action: and 0.5 less the action's length;
            angle_action: both; effort: 1 to 5, the less is pushed the more. A step that fails earns 0.
    """

    actions: Literal["discrete", "continuous"] = "discrete"
    force: float = 50.0
    push: float = 55.0
    push_angle: float | None = None
    repeats: int = 2
    steps_per_repeat: int = 5
    history: int = 1
    longest: int = 200
    reward: Literal["fixed", "angle", "action", "angle_action", "effort"] = "fixed"

    def __post_init__(self) -> None:
        require_positive(self, "force", "repeats", "steps_per_repeat", "history", "longest")
        require(self.push >= 0, f"push: {self.push!r} should be 0 or more")


class PoleTask(Task):
    """Readings used: `poses` to act; `poses` and `force` to judge. Commands: forces (rows, 2), N.

    Of a task of one's own: `name`, `field` and `carrier`.

    Attributes:
        field: m; the pole's middle may go so far along x and y.
        carrier: `module:class` of the scene, and what carries the pole there.
    """

    Settings = PoleSettings
    score_units = {"lean": "rad", "distance": "m"}
    action_names = ("none", "+x", "-x", "+y", "-y")
    recorded = ("poses", "force")
    observed = ("poses",)
    field: float
    carrier: str

    def __init__(self, settings: PoleSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings or self.Settings(), rows)
        s = self.settings
        self.step_duration = s.repeats * s.steps_per_repeat * PHYSICS_STEP
        self.observation_space = self.poses_of(s.repeats * s.history)
        self._history = History(rows, s.history, (s.repeats, 2, 7), np.float64, axis=1)
        continuous = s.actions == "continuous"
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32) if continuous else spaces.Discrete(len(PUSHES))
        self._memory = np.zeros(rows, Memory)
        # What earns: the leaning, the action's length, its effort; and whether a step that fails earns too.
        self._rules = "angle" in s.reward, "action" in s.reward, s.reward == "effort"
        self._forgiving = False

    def poses_of(self, moments: int) -> spaces.Box:
        """The space of poses (moments, 2, 7) of what carries the pole and of the pole, whose symmetries are then the
        task's."""
        self.symmetries = of_a_square(2 * moments, PUSHES if self.settings.actions == "discrete" else None)
        return spaces.Box(-np.inf, np.inf, (moments, 2, 7), np.float64)

    def make_world(self) -> CartpoleWorld:
        s, scene = self.settings, self.scene()
        return CartpoleWorld([scene() for _ in range(self.rows)], s.repeats, s.steps_per_repeat, s.push, self.eyes())

    def eyes(self) -> Renderer | None:
        """What draws pictures in the world, where they are observed."""
        return None

    def scene(self) -> Callable[[], Scene]:
        """What makes a scene; BadInput where pybullet is not there, which is an extra."""
        with needing(self.name, "bullet"):
            return load_class(self.carrier)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """The angle of the push (1,), rad."""
        angle = self.settings.push_angle
        return np.array([rng.uniform(0.0, 2.0 * np.pi) if angle is None else angle])

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        return self._history.push(readings["poses"], first)

    def command(self, action: np.ndarray) -> np.ndarray:
        """Forces (rows, 2), N; BadInput for actions of another shape or that are not finite."""
        action = np.asarray(action, dtype=float)
        forces = np.empty((len(action), 2))
        if self.settings.actions == "discrete":
            if action.ndim != 1 or not _forces_of_choices(action, self.settings.force, forces):
                raise BadInput(f"the action {action.tolist()} should be a whole number from 0 to {len(PUSHES) - 1}")
        elif action.shape[1:] != (2,) or not _forces_of_shares(action, self.settings.force, forces):
            raise BadInput(f"the action {action.tolist()} should be two finite numbers from -1 to 1")
        return forces

    def action(self, command: np.ndarray) -> np.ndarray:
        shares = command / self.settings.force
        if self.settings.actions == "continuous":
            return shares.astype(np.float32)
        return np.linalg.norm(shares[:, None] - PUSHES, axis=2).argmin(axis=1)

    def applied(self, readings: Readings) -> np.ndarray:
        return readings["force"]

    def judge(self, readings: Readings, first: np.ndarray) -> Judgement:
        s, reward = self.settings, np.zeros(self.rows)
        failed, over = np.zeros(self.rows, dtype=bool), np.zeros(self.rows, dtype=bool)
        judge_step(
            readings["poses"], readings["force"], s.force, first, s.longest, self.field, *self._rules, self._forgiving,
            self._memory, reward, failed, over,
        )  # fmt: skip
        return Judgement(reward, failed, over)

    def outcome(self, row: int) -> str:
        return OUTCOMES[self._memory["outcome"][row]]

    def scores(self, row: int) -> dict[str, float]:
        """length: steps. lean (rad), distance (m): the pole's largest, along either axis."""
        return {name: float(self._memory[name][row]) for name in ("length", "lean", "distance")}

    def get_state(self) -> dict:
        return {name: self._memory[name].copy() for name in Memory.names} | {"history": self._history.values.copy()}

    def set_state(self, state: dict) -> None:
        for name in Memory.names:
            self._memory[name] = state[name]
        self._history.values[:] = state["history"]
