"""Parallel-jaw hands in pybullet that take hold of things on a table at z = 0: what any has, and a WSG 50 that flies.

A hand's `grip` link is the grasp's frame of `grasping/gripper.py`: origin between the fingertips, x along the axis that
the jaws close on, z straight down. Bullet multiplies the friction of the two bodies that touch: here the hand's links
carry the coefficient of the pair, so what is grasped should have 1. Same inputs give the same to the last bit, in a
scene that was used before too if what was grasped is loaded anew or `restoreState` is called: a body that is only put
elsewhere takes old contacts along.
"""

import functools
import itertools
import tempfile
from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull

from control_bench.dynamics.bullet import GRAVITY, Bullet, pybullet
from control_bench.errors import BadInput, nearest
from control_bench.grasping.gripper import Gripper, gripper_of
from control_bench.resources import load_class
from control_bench.worlds.boxes import rotation_of
from control_bench.worlds.wsg50 import flying, wsg50

PHYSICS_STEP = 1.0 / 240.0
"""s"""
SOLVER_ITERATIONS = 100
GAIN = 0.5
"""How much of its error a motor makes good in a step."""
JAW_SPEED = 0.1
"""m/s, of each jaw."""
COUPLING = 1000.0
"""N: what keeps the jaws as far from the middle as each other, so that a thing off it is pushed there."""
PAD_RADIUS = 0.005
"""m, of the spot on which a finger's soft pad touches."""
PAD = {"contactStiffness": 3e4, "contactDamping": 1e3, "frictionAnchor": 1}
"""N/m and N s/m at each contact point, as panda.urdf has them for its fingers. Between rigid bodies the solver may let
one corner of a pad bear everything, so that a heavy thing turns about it and slips; soft ones share. Without an anchor
light things creep, by millimetres a second."""

HANDS = {
    "wsg50": ("control_bench.worlds.hands:FlyingHand", "wsg50"),
    "panda": ("control_bench.worlds.arm_hands:PandaHand", "panda"),
    "kuka": ("control_bench.worlds.arm_hands:KukaHand", "wsg50"),
}
"""Name to `module:class` and the name of its gripper."""


def prepare(bullet: Bullet) -> None:
    """How a scene with a hand is stepped."""
    bullet.setGravity(*GRAVITY)
    bullet.setTimeStep(PHYSICS_STEP)
    bullet.setPhysicsEngineParameter(numSolverIterations=SOLVER_ITERATIONS, deterministicOverlappingPairs=1)


def hand_gripper(name: str) -> Gripper:
    """The gripper of one of our hands; BadInput for an unknown one."""
    if name not in HANDS:
        raise BadInput(f"there is no hand '{name}', {nearest(name, HANDS)}")
    return gripper_of(HANDS[name][1])


def make_hand(name: str, bullet: Bullet, friction: float) -> "Hand":
    """One of ours with its own gripper; BadInput for an unknown one."""
    gripper = hand_gripper(name)
    return load_class(HANDS[name][0])(bullet, gripper, friction)


class Hand:
    """A body with joints that bring its grip link anywhere, straight down, and two coupled fingers.

    Args:
        friction: between the hand and what it touches, if that has 1.

    Attributes:
        body: in `bullet`.
        drives, fingers: names of the joints that move the hand, and of those that move each jaw out from the middle.
        base: where the body stands, m.
    """

    drives: tuple[str, ...]
    fingers: tuple[str, str]
    base = (0.0, 0.0, 0.0)

    def __init__(self, bullet: Bullet, gripper: Gripper, friction: float) -> None:
        self.gripper, self._bullet = gripper, bullet
        # Looked up once, as in carriers.py.
        self._turn = functools.partial(pybullet.setJointMotorControl2, physicsClientId=bullet._client)
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(self._urdf())
            file.flush()
            self.body = bullet.loadURDF(file.name, self.base, useFixedBase=True)
        about = [bullet.getJointInfo(self.body, joint) for joint in range(bullet.getNumJoints(self.body))]
        joints, links = ({one[at].decode(): one for one in about} for at in (1, 12))
        self._grip, self._links = links["grip"][0], range(-1, len(about))
        self._drives, self._fingers = ([joints[name][0] for name in names] for names in (self.drives, self.fingers))
        self._limits = [{"force": joints[name][10], "maxVelocity": joints[name][11]} for name in self.drives]
        for link in self._links:
            # A soft pad resists being turned on: Coulomb's torque of a round spot is 2/3 of friction times its radius.
            bullet.changeDynamics(
                self.body, link, lateralFriction=friction, spinningFriction=2.0 / 3.0 * friction * PAD_RADIUS,
                linearDamping=0.0, angularDamping=0.0, jointDamping=0.0,
            )  # fmt: skip
        for finger in self._fingers:
            bullet.changeDynamics(self.body, finger, **PAD)
        coupling = bullet.createConstraint(
            self.body, self._fingers[0], self.body, self._fingers[1], pybullet.JOINT_GEAR, [1, 0, 0], [0] * 3, [0] * 3
        )
        bullet.changeConstraint(coupling, gearRatio=-1, erp=0.5, maxForce=COUPLING)

    def _urdf(self) -> str:
        raise NotImplementedError

    def _angles(self, position: Sequence[float], yaw: float) -> Sequence[float]:
        """Where the drives are when the grip link is there."""
        raise NotImplementedError

    def reset(self, position: Sequence[float], yaw: float) -> None:
        """At once there, with open jaws and at rest."""
        half = self.gripper.opening / 2.0
        for joint, angle in zip(self._drives, self._angles(position, yaw), strict=True):
            self._bullet.resetJointState(self.body, joint, angle)
        for joint in self._fingers:
            self._bullet.resetJointState(self.body, joint, half)
        self.aim(position, yaw)
        self.open()

    def aim(self, position: Sequence[float], yaw: float) -> None:
        """The grip point, m, and the closing axis, rad, that the motors hold from now on."""
        for joint, angle, limits in zip(self._drives, self._angles(position, yaw), self._limits, strict=True):
            self._hold(joint, angle, **limits)

    def _hold(self, joint: int, at: float, **limits: float) -> None:
        self._turn(
            self.body, joint, pybullet.POSITION_CONTROL,
            targetPosition=at, positionGain=GAIN, velocityGain=1.0, **limits,
        )  # fmt: skip

    def close(self) -> None:
        """Each jaw presses with the gripper's force on what it meets."""
        for joint in self._fingers:
            self._turn(self.body, joint, pybullet.VELOCITY_CONTROL, targetVelocity=-JAW_SPEED, force=self.gripper.force)

    def open(self) -> None:
        """As far as the gripper is open when it approaches."""
        for joint in self._fingers:
            self._hold(joint, self.gripper.opening / 2.0, force=self.gripper.force, maxVelocity=JAW_SPEED)

    def pose(self) -> np.ndarray:
        """Where the grip point is, m, and which way the jaws close, rad: x y z yaw (4,)."""
        at, turned = self._bullet.getLinkState(self.body, self._grip, computeForwardKinematics=True)[4:6]
        rotation = rotation_of(turned)
        return np.array([*at, np.arctan2(rotation[1, 0], rotation[0, 0])])

    def width(self) -> float:
        """Between the jaws, m."""
        return sum(state[0] for state in self._bullet.getJointStates(self.body, self._fingers))

    def holds(self, body: int) -> bool:
        """Whether both fingers press on it."""
        return all(
            any(touch[9] > 0.0 for touch in self._bullet.getContactPoints(self.body, body, finger))
            for finger in self._fingers
        )

    def shapes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """What there is to be seen, as triangles: for each link its vertices (n, 3), m, in the world, and faces (m, 3)
        that index them, wound either way. They are the convex hulls that touch things."""
        seen = []
        for link, vertices, faces in self._hulls:
            at, turned = (
                self._bullet.getLinkState(self.body, link, computeForwardKinematics=True)[:2]
                if link >= 0
                else self._bullet.getBasePositionAndOrientation(self.body)
            )
            seen.append((vertices @ rotation_of(turned).T + at, faces))
        return seen

    @functools.cached_property
    def _hulls(self) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Link, vertices about its centre of mass and faces of all that collides."""
        hulls = []
        for link in self._links:
            for shape in self._bullet.getCollisionShapeData(self.body, link):
                if shape[2] == pybullet.GEOM_BOX:
                    corners = np.array(list(itertools.product((-0.5, 0.5), repeat=3))) * shape[3]
                    vertices = corners @ rotation_of(shape[6]).T + shape[5]
                else:
                    vertices = np.array(self._bullet.getMeshData(self.body, link)[1])
                hulls.append((link, vertices, ConvexHull(vertices).simplices))
        return hulls


class FlyingHand(Hand):
    """A WSG 50 on rails: three that slide along x, y and z, and one that turns."""

    drives = ("x_joint", "y_joint", "z_joint", "yaw_joint")
    fingers = ("left_joint", "right_joint")

    def _urdf(self) -> str:
        return flying(wsg50(self.gripper))

    def _angles(self, position: Sequence[float], yaw: float) -> Sequence[float]:
        return (*position, yaw)
