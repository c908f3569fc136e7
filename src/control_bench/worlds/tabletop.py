"""A table with objects on it, a depth camera above, and a hand that grasps from above.

A command names a grasp; the hand goes there, closes, lifts and shakes by itself, as a robot's own controller does.
Until it has come close, the newest command counts, so the same world serves who plans once and who plans all the way.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.grasping.camera import Camera
from control_bench.grasping.command import GRASP_TIME, NO_GRASP
from control_bench.grasping.depth_noise import DepthNoise
from control_bench.grasping.objects import load_object
from control_bench.worlds.base import Readings
from control_bench.worlds.grasp_motion import GraspMotion
from control_bench.worlds.hands import PHYSICS_STEP
from control_bench.worlds.phase import Phase
from control_bench.worlds.tabletop_scene import Placement, TabletopScene

SLOT = 8
"""Numbers for an object: which one, x y z, m, and the quaternion x y z w."""
NO_OBJECT = np.array([-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
SHIFT_TIME = (0.2, 0.7)
"""s after the first command: when an object is moved."""


class TabletopWorld:
    """Rows of tables.

    Commands (rows, 5): x y z, m, and yaw, rad, of a grasp in the table's frame, and how probable it is thought to
    succeed, for the record, or less than 0 for no grasp. What was grasped is taken away, and the hand goes home.

    Args:
        scenes: one a row. names: of the objects that starts number. slots: objects of a start, at most.
        camera, noise: what sees the table, and how well. steps: of physics in a control step; 0: until a grasp is done.
        shift: m, how far the first object is moved on the way to it, least and most.
    """

    def __init__(
        self, scenes: list[TabletopScene], names: Sequence[str], slots: int, camera: Camera, noise: DepthNoise,
        steps: int = 0, shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:  # fmt: skip
        self.rows, self._scenes, self._names, self._slots = len(scenes), scenes, names, slots
        self._camera, self._noise, self._steps, self._shift = camera, noise, steps, shift
        self._rngs: list[np.random.Generator | None] = [None] * self.rows
        self._begun: list[tuple | None] = [None] * self.rows
        self._commands: list[list[np.ndarray]] = [[] for _ in range(self.rows)]
        self._times, self._shifts = np.zeros(self.rows), np.full((self.rows, 3), np.nan)
        i, flags = camera.intrinsics, np.zeros((2, self.rows), dtype=bool)
        self._readings: Readings = {
            "depth": np.zeros((self.rows, i.height, i.width), np.float32),
            "hand": np.zeros((self.rows, 5)),
            "phase": np.zeros(self.rows, np.int64),
            "finished": flags[0],
            "held": flags[1],
            "left": np.zeros(self.rows, np.int64),
            "objects": np.tile(NO_OBJECT, (self.rows, slots, 1)),
            "command": np.tile(NO_GRASP, (self.rows, 1)),
        }

    def why_not(self, start: np.ndarray) -> str | None:
        """Why an episode can't start there, or None if it can."""
        if start.shape != (SLOT * self._slots,):
            return f"a start is {SLOT * self._slots} numbers, {SLOT} an object"
        slots = _objects_of(start)
        if not len(slots) or not np.isfinite(slots).all():
            return "it has no object, or one without a place"
        numbers = slots[:, 0]
        if ((numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= len(self._names))).any():
            return f"its objects are numbered from 0 to {len(self._names) - 1}"
        if (np.abs(np.linalg.norm(slots[:, 4:], axis=1) - 1.0) > 1e-6).any():
            return "its quaternions are not of unit length"
        return None

    def reset(self, rows: np.ndarray, starts: np.ndarray, rngs: list[np.random.Generator]) -> None:
        for row, start, rng in zip(rows, starts, rngs, strict=True):
            reason = self.why_not(start)
            if reason:
                raise BadInput(f"an episode can't start there: {reason}")
            self._begun[row], self._commands[row] = (start.copy(), rng.bit_generator.state), []
            self._begin(int(row), start, rng)

    def _begin(self, row: int, start: np.ndarray, rng: np.random.Generator) -> None:
        slots = _objects_of(start)
        self._scenes[row].reset([
            Placement(load_object(self._names[int(slot[0])]), Rotation.from_quat(slot[4:]).as_matrix(), slot[1:4])
            for slot in slots
        ])  # fmt: skip
        when, way, distance = rng.uniform(*SHIFT_TIME), rng.uniform(0.0, 2.0 * math.pi), rng.uniform(*self._shift)
        self._shifts[row] = when, distance * math.cos(way), distance * math.sin(way)
        self._rngs[row], self._times[row] = rng, 0.0
        told = self._readings
        told["finished"][row] = told["held"][row] = False
        told["command"][row], told["objects"][row] = NO_GRASP, NO_OBJECT
        told["objects"][row, : len(slots), 0] = slots[:, 0]
        self._sense(row)

    def step(self, command: np.ndarray, active: np.ndarray | None = None) -> None:
        for row in range(self.rows) if active is None else np.flatnonzero(active):
            self._play(row, np.array(command[row], dtype=float))

    def _play(self, row: int, command: np.ndarray) -> None:
        self._commands[row].append(command)
        self._move(row, command)
        self._sense(row)

    def _move(self, row: int, command: np.ndarray) -> None:
        """One control step, without looking."""
        scene, motion, told = self._scenes[row], self._scenes[row].motion, self._readings
        told["finished"][row] = told["held"][row] = False
        told["command"][row] = command
        if command[4] >= 0.0:
            motion.command(command[:4])
        # Where nothing was ever asked for, the hand waits at home: nothing moves, and no physics need be done.
        steps = 0 if motion.phase == Phase.HOME else self._steps or round(GRASP_TIME / PHYSICS_STEP)
        for _ in range(steps):
            motion.step()
            scene.bullet.stepSimulation()
            self._times[row] += PHYSICS_STEP
            if self._times[row] > self._shifts[row, 0]:
                if self._shifts[row, 1:].any():
                    scene.shift(0, self._shifts[row, 1:])
                self._shifts[row, 0] = np.inf
            if motion.phase == Phase.DONE:
                break
        if motion.phase == Phase.DONE or (steps and not self._steps) or self._times[row] > GRASP_TIME:
            self._finish(row, scene, motion)

    def _finish(self, row: int, scene: TabletopScene, motion: GraspMotion) -> None:
        """A grasp is done: what is in the hand is delivered, what has rolled away is lost, and the hand goes home."""
        held = scene.held() if motion.phase == Phase.DONE else None
        self._readings["finished"][row], self._readings["held"][row] = True, held is not None
        if held is not None:
            scene.take_away(held)
        motion.restart()
        scene.settle()
        for number in scene.lost():
            scene.take_away(number)
        self._times[row] = 0.0

    def _sense(self, row: int) -> None:
        scene, told = self._scenes[row], self._readings
        told["hand"][row] = *scene.hand.pose(), scene.hand.width()
        told["phase"][row] = scene.motion.phase
        poses = scene.poses()
        there = np.isfinite(poses[:, 0])
        places = told["objects"][row, : len(poses)]
        places[there, 1:], places[~there] = poses[there], NO_OBJECT
        told["left"][row] = there.sum()
        told["depth"][row] = self._noise.apply(scene.see(self._camera)[0], self._rngs[row])

    def read(self) -> Readings:
        """depth (rows, height, width), m, 0 where nothing is seen; hand (rows, 5): x y z, m, and yaw, rad, of the grip
        point, and between the jaws, m; phase (rows,): see `Phase`; finished, held (rows,): whether a grasp
        came to its end in the last step, and whether it was one; left (rows,): objects on the table; objects (rows,
        slots, SLOT); command (rows, 5): the last."""
        return {name: values.copy() for name, values in self._readings.items()}

    def get_state(self) -> dict:
        """Physics has no state to write down, but it is the same each time: how it began, and all that was asked."""
        return {
            "begun": [None if one is None else {"start": one[0], "rng": one[1]} for one in self._begun],
            "commands": [np.array(commands).reshape(-1, 5) for commands in self._commands],
        }

    def set_state(self, state: dict) -> None:
        for row, (begun, commands) in enumerate(zip(state["begun"], state["commands"], strict=True)):
            if begun is None:
                continue
            rng = np.random.default_rng()
            rng.bit_generator.state = begun["rng"]
            self.reset(np.array([row]), np.asarray(begun["start"])[None], [rng])
            for command in commands:
                self._play(row, np.asarray(command))


def _objects_of(start: np.ndarray) -> np.ndarray:
    """The slots (k, SLOT) of a start that hold an object."""
    slots = start.reshape(-1, SLOT)
    return slots[slots[:, 0] != NO_OBJECT[0]]
