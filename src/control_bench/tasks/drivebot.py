"""drivebot: a robot with three sonars drives a walled track without being told how.

Source: drivebot (matpalm's blog, 2016). A step is a 5 Hz event: 0.2 m forward, or 0.24 rad of turning on the spot.
The first step of an episode earns 0, as there is no position yet to compare with; the episode ends when 30 steps
running earned nothing, nor did the step before each of them ("stuck"), or after 1000 steps ("completed").
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from gymnasium import spaces

from control_bench.errors import BadInput
from control_bench.resources import locate
from control_bench.settings import require, require_positive
from control_bench.tasks import drivebot_rewards
from control_bench.tasks.base import Judgement, Task
from control_bench.tasks.history import History
from control_bench.tasks.sonar_encoders import ENCODERS, centimetres, observation_space
from control_bench.worlds.base import Readings
from control_bench.worlds.grid_map import GridMap, load_map
from control_bench.worlds.kernels import TICK
from control_bench.worlds.robot import Robot
from control_bench.worlds.robot_file import load_robot
from control_bench.worlds.sonar_track import SonarTrack

TRACK = "track"
FORWARD, LEFT, RIGHT = 0, 1, 2
ACTIONS = ("forward", "left", "right")

STARTS = np.array(
    [(x, 9) for x in range(1, 10)] + [(9, y) for y in range(1, 9)] + [(1, y) for y in range(5, 9)]
    + [(x, 5) for x in range(2, 5)] + [(5, y) for y in range(1, 5)] + [(x, 1) for x in range(6, 9)], dtype=float,
)  # fmt: skip
"""The article's start points, m, on the track's centre line; the heading is drawn too."""

COARSE_STARTS = np.array(
    [(3, 9, 0), (7, 9, 0), (9, 7, 4.71), (9, 3, 4.71), (7, 1, 3.14), (5, 3, 1.57), (3, 5, 3.14), (1, 7, 1.57)],
    dtype=float,
)
"""The article's start poses for the coarse-grid reward, all facing the way round."""


@dataclass(frozen=True)
class DrivebotSettings:
    """What can be set of the task.

    Attributes:
        reward: `any_movement` (the article's), `forward`, or `coarse_grid`: progress round the article's track.
        encoder: what the controller sees of the sonars; history: how many of the last events of it.
        actions: `discrete` (forward, left, right) or `continuous`: forward and turning speed as shares of the two
        below.
        forward_speed: m/s; turn_speed: rad/s.
        starts: `track`, the article's start poses; `anywhere`, any free place; by default what suits the map.
        max_steps: an episode's length; patience: steps without a reward that end it.
        map, robot: names of ours, or paths of STDR map and robot files.
        sensor_noise: apply the noise that the robot's file declares (STDR does not).
    """

    reward: Literal["any_movement", "forward", "coarse_grid"] = "any_movement"
    encoder: Literal["raw", "standardised", "ordering", "furthest"] = "raw"
    history: int = 1
    actions: Literal["discrete", "continuous"] = "discrete"
    forward_speed: float = 1.0
    turn_speed: float = 1.2
    starts: Literal["track", "anywhere"] | None = None
    max_steps: int = 1000
    patience: int = 30
    map: str = TRACK
    robot: str = "drivebot"
    sensor_noise: bool = False

    def __post_init__(self) -> None:
        require_positive(self, "history", "forward_speed", "turn_speed", "max_steps", "patience")
        require(self.starts != "track" or self.on_track, "starts: the article's poses are of map: track: set anywhere")
        require(
            self.reward != "coarse_grid" or self.on_track, "reward: coarse_grid measures progress round map: track only"
        )

    @property
    def on_track(self) -> bool:
        return locate("maps", self.map) == locate("maps", TRACK)

    @property
    def starts_on_track(self) -> bool:
        return self.starts == "track" or (self.starts is None and self.on_track)


@lru_cache(maxsize=4)
def _load(map_path: Path, robot_path: Path) -> tuple[GridMap, Robot]:
    robot = load_robot(robot_path)
    if not robot.sonars:
        raise BadInput(f"{robot_path}: drivebot needs a robot with sonars: give it at least one")
    return load_map(map_path), robot


class Drivebot(Task):
    """Readings used: `sonar` to act; `pose` and `velocity` to judge.

    Commands: velocities (rows, 3), m/s forward and left, rad/s.
    """

    name = "drivebot"
    Settings = DrivebotSettings
    step_duration = 2 * TICK
    observed = ("sonar",)
    action_names = ACTIONS
    score_units = {"distance": "m"}

    def __init__(self, settings: DrivebotSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings or DrivebotSettings(), rows)
        s = self.settings
        self.grid, self.robot = _load(locate("maps", s.map), locate("config/robots", s.robot))
        self._low = np.array([sonar.min_range for sonar in self.robot.sonars])
        self._high = np.array([sonar.max_range for sonar in self.robot.sonars])
        self.observation_space = observation_space(s.encoder, s.history, self._high)
        features = self.observation_space.shape[0] // s.history
        self._history = History(rows, s.history, (features,), self.observation_space.dtype)
        discrete = s.actions == "discrete"
        self.action_space = spaces.Discrete(3) if discrete else spaces.Box(-1.0, 1.0, (2,), np.float32)
        v, w = s.forward_speed, s.turn_speed
        self._commands = np.array([[v, 0.0, 0.0], [0.0, 0.0, w], [0.0, 0.0, -w]])
        # A turn goes a little forward where the robot's motion is noisy.
        self._forward = 0.5 * v if discrete else 0.0
        self._memory = np.zeros(rows, drivebot_rewards.Memory)
        self._placing = None if s.starts_on_track else SonarTrack(self.grid, self.robot)

    def make_world(self) -> SonarTrack:
        return SonarTrack(self.grid, self.robot, self.rows, sensor_noise=self.settings.sensor_noise)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """A pose (x, y, theta)."""
        if self.settings.starts_on_track:
            if self.settings.reward == "coarse_grid":
                return COARSE_STARTS[rng.integers(len(COARSE_STARTS))]
            return np.array([*STARTS[rng.integers(len(STARTS))], rng.uniform(0.0, 2.0 * np.pi)])
        return self._anywhere(rng)

    def _anywhere(self, rng: np.random.Generator) -> np.ndarray:
        free = np.argwhere(self.grid.cells == 0)
        for _ in range(10_000 if len(free) else 0):
            row, column = free[rng.integers(len(free))]
            pose = np.array([(column + 0.5), (row + 0.5), 0.0]) * self.grid.resolution
            pose[2] = rng.uniform(0.0, 2.0 * np.pi)
            if self._placing.why_not(pose) is None:
                return pose
        raise BadInput(f"{self.grid.path}: no place in it is free for the robot: widen the map or shrink the robot")

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        cm = centimetres(readings["sonar"], self._low, self._high)
        return self._history.push(ENCODERS[self.settings.encoder](cm), first)

    def command(self, action: np.ndarray) -> np.ndarray:
        if self.settings.actions == "discrete":
            return self._commands[action]
        speeds = np.clip(action, -1.0, 1.0) * (self.settings.forward_speed, self.settings.turn_speed)
        return np.stack([speeds[:, 0], np.zeros(len(speeds)), speeds[:, 1]], axis=1)

    def applied(self, readings: Readings) -> np.ndarray:
        return readings["velocity"]

    def action(self, command: np.ndarray) -> np.ndarray:
        if self.settings.actions == "discrete":  # with motion noise, what was nearest
            forward = command[:, 0] > self._forward
            return np.where(forward, FORWARD, np.where(command[:, 2] > 0, LEFT, RIGHT))
        return (command[:, [0, 2]] / (self.settings.forward_speed, self.settings.turn_speed)).astype(np.float32)

    def judge(self, readings: Readings, first: np.ndarray) -> Judgement:
        s, earned = self.settings, np.empty(self.rows)
        # Continuous actions earn by the distance they cover, or creeping would earn as much as driving.
        full_step = s.forward_speed * self.step_duration if s.actions == "continuous" else 0.0
        rule = drivebot_rewards.REWARDS.index(s.reward)
        forward = readings["velocity"][:, 0] > self._forward
        drivebot_rewards.judge(rule, full_step, readings["pose"], forward, first, self._memory, earned)
        terminated = self._memory["idle"] >= s.patience
        return Judgement(earned, terminated, (self._memory["steps"] >= s.max_steps) & ~terminated)

    def outcome(self, row: int) -> str:
        return "stuck" if self._memory["idle"][row] >= self.settings.patience else "completed"

    def scores(self, row: int) -> dict[str, float]:
        """`distance` driven, m; `blocked`, steps forward that did not move; `laps` of the article's track, signed."""
        memory = self._memory[row]
        scores = {"distance": float(memory["distance"]), "blocked": float(memory["blocked"])}
        if self.settings.starts_on_track:
            scores["laps"] = float(memory["gained"] / drivebot_rewards.ROUND)
        return scores

    def get_state(self) -> dict:
        """What was judged of the episodes so far, by field, and what was observed."""
        state = {name: self._memory[name].copy() for name in self._memory.dtype.names}
        return state | {"history": self._history.values.copy()}

    def set_state(self, state: dict) -> None:
        for name in self._memory.dtype.names:
            self._memory[name] = state[name]
        self._history.values[:] = state["history"]
