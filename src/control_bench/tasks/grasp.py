"""grasp: take an object from the table by what a depth camera sees of it, and keep it through a shake.

Source: Mahler et al. 2017, Dex-Net 2.0: an object is dropped on a table, one grasp is planned from one picture, and it
counts if the object is in the hand after lifting and shaking. In a closed loop the controller looks again all the way
down, so that it may follow an object that is moved.
"""

import math
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.grasping.camera import Camera, Intrinsics, Viewpoint
from control_bench.grasping.command import GRASP_TIME, NO_GRASP
from control_bench.grasping.depth_noise import DepthNoise
from control_bench.resources import needing
from control_bench.settings import require, require_positive
from control_bench.tasks.base import Judgement, Task
from control_bench.worlds.base import Readings

LOOK = 0.2
"""s from one picture to the next in a closed loop."""
REACH = 0.5
"""m from the table's middle: no grasp is further."""

MIDDLE = 0.25
"""m from the table's middle, along x and y: an object's own length less than where it counts as lost."""


@dataclass(frozen=True)
class GraspSettings:
    """What can be set of grasp.

    Attributes:
        objects: train, validate or test (of pybullet_data's random ones), names, files or folders, with commas between.
        hand: wsg50, which flies; panda or kuka, an arm that carries one.
        friction: of hand and objects. mass: of an object, kg.
        spread: m; objects lie so far from the table's middle, at most, along x and y.
        closed_loop: pictures come all the way down, every 0.2 s, and the newest command counts.
        shift_least, shift_most: m; the object is moved so far after the first command.
        distance: m, of the camera from the table's middle; tilt: rad, of its axis from the vertical.
        focal: pixels; height, width: of pictures.
        noise: deviation, m, and noise_gamma: see DepthNoise; 0 for none.
    """

    objects: str = "test"
    hand: str = "wsg50"
    friction: float = 0.5
    mass: float = 0.1
    spread: float = 0.1
    closed_loop: bool = False
    shift_least: float = 0.0
    shift_most: float = 0.0
    distance: float = 0.7
    tilt: float = 0.2
    focal: float = 525.0
    height: int = 480
    width: int = 640
    noise: float = 0.005
    noise_gamma: float = 1000.0

    def __post_init__(self) -> None:
        require_positive(self, "friction", "mass", "distance", "focal")
        for name in ("spread", "shift_least", "noise", "noise_gamma"):
            require(getattr(self, name) >= 0, f"{name}: {getattr(self, name)!r} should be 0 or more")
        require(self.shift_most >= self.shift_least, "shift_most: should be shift_least or more")
        require(
            self.spread + self.shift_most <= MIDDLE,
            f"spread and shift_most: {self.spread + self.shift_most:g} m together should be at most {MIDDLE:g} m: "
            "what lies further out counts as rolled away",
        )
        require(0 <= self.tilt < 1.0, f"tilt: {self.tilt!r} should be 0 to 1 rad: the camera looks down on a table")
        require(min(self.height, self.width) >= 64, "height, width: pictures have 64 pixels or more to an edge")


class Grasp(Task):
    """Readings used: `depth` to act; `finished`, `held`, `left` and `command` to judge.

    Observations: depth pictures (height, width), m, 0 where nothing is seen. Actions (5,): x y z, m, and yaw, rad, of a
    grasp from above in the table's frame, and the quality that the controller thinks it has, or less than 0 for "there
    is none to be had". Commands are the same.

    Attributes:
        camera: where it stands and how it sees. gripper: of the hand.
    """

    name = "grasp"
    Settings = GraspSettings
    score_units = {"quality": "", "planning_time": "s"}
    timed = True
    observed = ("depth",)
    recorded = ("hand", "phase", "finished", "held", "left", "objects", "command")

    def __init__(self, settings: GraspSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings or self.Settings(), rows)
        s = self.settings
        with needing(self.name, "grasp"):
            from control_bench.grasping.objects import object_names
            from control_bench.worlds.hands import hand_gripper
        self.names, self.gripper = object_names(s.objects), hand_gripper(s.hand)
        intrinsics = Intrinsics(s.focal, s.focal, (s.width - 1) / 2.0, (s.height - 1) / 2.0, s.height, s.width)
        self.camera = Camera(intrinsics, Viewpoint.around(s.distance, 0.0, s.tilt))
        self.step_duration = LOOK if s.closed_loop else GRASP_TIME
        self.observation_space = spaces.Box(0.0, np.inf, (s.height, s.width), np.float32)
        low = np.array([-REACH, -REACH, 0.0, -math.pi, -1.0], np.float32)
        self.action_space = spaces.Box(low, np.array([REACH, REACH, REACH, math.pi, 1.0], np.float32))
        self._steps, self._quality = np.zeros(rows, np.int64), np.zeros(rows)
        self._held, self._tried = np.zeros((2, rows), dtype=bool)

    slots = 1
    """Objects of an episode, at most."""

    def make_world(self):
        from control_bench.worlds.hands import PHYSICS_STEP
        from control_bench.worlds.tabletop import TabletopWorld
        from control_bench.worlds.tabletop_scene import TabletopScene

        s = self.settings
        scenes = [TabletopScene(s.hand, s.friction, s.mass) for _ in range(self.rows)]
        steps = round(LOOK / PHYSICS_STEP) if s.closed_loop else 0
        noise = DepthNoise(s.noise_gamma, s.noise)
        return TabletopWorld(scenes, self.names, self.slots, self.camera, noise, steps, (s.shift_least, s.shift_most))

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """One object in one of its stable poses, as probable as it is, turned and placed evenly: see
        `worlds.tabletop.SLOT`."""
        from control_bench.grasping.objects import load_object
        from control_bench.grasping.stable_poses import draw_pose

        s, number = self.settings, int(rng.integers(len(self.names)))
        pose = draw_pose(load_object(self.names[number]).stable_poses, rng)
        turned = Rotation.from_euler("z", rng.uniform(0.0, 2.0 * math.pi)) * Rotation.from_matrix(pose.rotation)
        place = rng.uniform(-s.spread, s.spread, 2)
        return np.array([number, *place, pose.height, *turned.as_quat()])

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        return readings["depth"]

    def command(self, action: np.ndarray) -> np.ndarray:
        """Grasps (rows, 5), of single precision, as actions are: a turn that travels as a quaternion is then the same
        again. BadInput for actions of another shape or that are not finite."""
        action = np.asarray(action, dtype=np.float32).astype(float)
        if action.shape[1:] != (5,) or not np.isfinite(action).all():
            raise BadInput(f"the action {action.tolist()} should be five finite numbers: x y z, yaw and quality")
        action[action[:, 4] < 0.0] = NO_GRASP
        return action

    def action(self, command: np.ndarray) -> np.ndarray:
        return command.astype(np.float32)

    def applied(self, readings: Readings) -> np.ndarray:
        return readings["command"]

    def judge(self, readings: Readings, first: np.ndarray) -> Judgement:
        self._count(readings, first)
        if not self.settings.closed_loop:  # who sees no grasp has had its turn too
            return Judgement(self._held.astype(float), ~first, np.zeros(self.rows, dtype=bool))
        late = self._steps >= round(GRASP_TIME / self.step_duration)
        return Judgement(self._held.astype(float), readings["finished"] & ~first, late & ~first)

    def _count(self, readings: Readings, first: np.ndarray) -> None:
        """Keeps what a step was."""
        quality = readings["command"][:, 4]
        self._steps = np.where(first, 0, self._steps + 1)
        self._held = readings["held"] & ~first
        tried = quality >= 0.0
        self._quality = np.where(first, 0.0, np.where(tried, quality, self._quality))
        self._tried = (self._tried & ~first) | (tried & ~first)

    def outcome(self, row: int) -> str:
        if self._held[row]:
            return "held"
        return "dropped" if self._tried[row] else "no grasp"

    def scores(self, row: int) -> dict[str, float]:
        """quality: that the controller thought its last grasp had."""
        return {"quality": float(self._quality[row])}

    def get_state(self) -> dict:
        return {
            "steps": self._steps.copy(), "quality": self._quality.copy(), "held": self._held.copy(),
            "tried": self._tried.copy(),
        }  # fmt: skip

    def set_state(self, state: dict) -> None:
        for name in ("steps", "quality", "held", "tried"):
            setattr(self, f"_{name}", np.array(state[name]))
