"""balance: keep a pole upright that stands on a cart, unattached, by pushing the cart about; from poses or pixels.

Source: matpalm's cartpole++ (2016). An episode begins with a push in a direction drawn at random, and ends when the
pole has left the field ("out of bounds") or leans too far ("fallen"), or after `longest` steps ("balanced").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from gymnasium import spaces
from numba import njit

from control_bench.errors import BadInput
from control_bench.resources import load_class
from control_bench.settings import require, require_positive
from control_bench.tasks.balance_rules import OUTCOMES, Memory, judge_step
from control_bench.tasks.base import Judgement, Task
from control_bench.tasks.history import History
from control_bench.tasks.symmetry import of_a_square
from control_bench.worlds.base import Readings
from control_bench.worlds.boxes import read_box
from control_bench.worlds.cartpole import PHYSICS_STEP, CartpoleWorld, Scene
from control_bench.worlds.renderer import Camera, Renderer

FIELD = 2.0
"""m: the pole's middle may go so far along x and y."""
PUSHES = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
"""The discrete actions, in shares of the force."""
EYES = ((0.0, 0.75, 0.75), (0.75, 0.0, 0.75))
TARGET = (0.0, 0.0, 0.3)
NEAR = {"default": 0.1, "article": 1.0}
"""m: the article's cameras cut off what is nearer than 1 m, and with it the pole that they look at."""


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
class BalanceSettings:
    """What can be set of the task.

    Attributes:
        fidelity: default, physically right; article, with the faults of its code (docs/cartpole.md).
        observation: poses (repeats, 2, 7) of cart and pole, or pixels (size, size, 3 x cameras x repeats).
        actions: discrete: none, +x, -x, +y, -y; continuous: shares (2,) of the force along x and y.
        force: of an action, N. push: of the push that an episode begins with, N; push_angle: rad, or none to draw it.
        repeats: readings in a step. steps_per_repeat: physics steps of 1/240 s between two of them.
        history: steps whose readings are observed at once, the newest last, as if there were as many times the repeats.
        longest: steps of an episode. cameras: 1 or 2; size: of a picture, pixels.
        reward: fixed, 1 a step; angle: and 0.6 less the leaning; action: and 0.5 less the action's length;
            angle_action: both; effort: 1 to 5, the less is pushed the more. A step that fails earns 0, with
            `fidelity: article` as any other (but for effort, which is from before that fault).
    """

    fidelity: Literal["default", "article"] = "default"
    observation: Literal["poses", "pixels"] = "poses"
    actions: Literal["discrete", "continuous"] = "discrete"
    force: float = 50.0
    push: float = 55.0
    push_angle: float | None = None
    repeats: int = 2
    steps_per_repeat: int = 5
    history: int = 1
    longest: int = 200
    cameras: int = 1
    size: int = 50
    reward: Literal["fixed", "angle", "action", "angle_action", "effort"] = "fixed"

    def __post_init__(self) -> None:
        require_positive(self, "force", "repeats", "steps_per_repeat", "history", "longest")
        require(self.push >= 0, f"push: {self.push!r} should be 0 or more")
        require(1 <= self.cameras <= len(EYES), f"cameras: {self.cameras!r} should be 1 or {len(EYES)}")
        require(8 <= self.size <= 1024, f"size: {self.size!r} should be 8 to 1024")


class Balance(Task):
    """Readings used: `poses` or `images` to act; `poses` and `force` to judge. Commands: forces (rows, 2), N."""

    name = "balance"
    Settings = BalanceSettings
    score_units = {"lean": "rad", "distance": "m"}
    action_names = ("none", "+x", "-x", "+y", "-y")
    recorded = ("poses", "force")
    field = FIELD
    carriers: ClassVar[dict[str, str]] = {
        "default": "control_bench.worlds.carriers:Cart",
        "article": "control_bench.worlds.carriers:ArticleCart",
    }
    """By fidelity, `module:class` of the scene."""

    def __init__(self, settings: BalanceSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings or self.Settings(), rows)
        s = self.settings
        self.step_duration = s.repeats * s.steps_per_repeat * PHYSICS_STEP
        pixels, channels = s.observation == "pixels", 3 * s.cameras * s.repeats
        moments = s.repeats * (1 if pixels else s.history)  # that poses tell of
        poses = spaces.Box(-np.inf, np.inf, (moments, 2, 7), np.float64)
        self.symmetries = of_a_square(2 * moments, PUSHES if s.actions == "discrete" else None)
        if pixels:
            self.observed, self.state_space = ("images",), poses
            self.observation_space = spaces.Box(0, 255, (s.size, s.size, channels * s.history), np.uint8)
            self.moments, self.stacked = s.repeats * s.history, s.history
            self._history = History(rows, s.history, (s.size, s.size, channels), np.uint8)
        else:
            self.observed, self.observation_space = ("poses",), poses
            self._history = History(rows, s.history, (s.repeats, 2, 7), np.float64, axis=1)
        continuous = s.actions == "continuous"
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32) if continuous else spaces.Discrete(len(PUSHES))
        self.cameras = tuple(Camera(eye, TARGET, near=NEAR[s.fidelity], size=s.size) for eye in EYES[: s.cameras])
        self._memory = np.zeros(rows, Memory)
        # What earns: the leaning, the action's length, its effort; and whether a step that fails earns too.
        self._rules = "angle" in s.reward, "action" in s.reward, s.reward == "effort"
        self._forgiving = s.fidelity == "article" and s.reward != "effort"

    def make_renderer(self) -> Renderer:
        """Draws what the cameras see, by the poses of cart and pole."""
        return Renderer(self.cameras, (read_box("ground"),), (read_box("cart"), read_box("pole")))

    def make_world(self) -> CartpoleWorld:
        s, scene = self.settings, self.scene()
        renderer = self.make_renderer() if s.observation == "pixels" else None
        return CartpoleWorld([scene() for _ in range(self.rows)], s.repeats, s.steps_per_repeat, s.push, renderer)

    def scene(self) -> Callable[[], Scene]:
        """What carries the pole; BadInput where pybullet is not there, which is an extra."""
        try:
            return load_class(self.carriers[self.settings.fidelity])
        except ModuleNotFoundError as error:
            raise BadInput(f"{self.name} needs {error.name}: pip install 'control_bench[bullet]'") from None

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """The angle of the push (1,), rad."""
        angle = self.settings.push_angle
        return np.array([rng.uniform(0.0, 2.0 * np.pi) if angle is None else angle])

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        if self.settings.observation == "poses":
            return self._history.push(readings["poses"], first)
        images = readings["images"].transpose(0, 3, 4, 1, 2, 5)  # (rows, height, width, repeats, cameras, 3)
        return self._history.push(images.reshape(*images.shape[:3], -1), first)

    def state(self, readings: Readings) -> np.ndarray:
        return readings["poses"]

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
