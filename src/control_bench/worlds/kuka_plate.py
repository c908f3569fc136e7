"""pybullet's KUKA arm that carries a plate, and the pole on it: what a cart does on the floor, done by an arm."""

import tempfile
from collections.abc import Sequence

import numpy as np

from control_bench.dynamics.bullet import pybullet
from control_bench.dynamics.kuka import kuka_with
from control_bench.worlds.boxes import read_box, rotation_of
from control_bench.worlds.carriers import BulletScene
from control_bench.worlds.cartpole import PHYSICS_STEP

REST = np.array([0.0, 0.2, 0.0, -1.6, 0.0, -1.8, 0.0])
"""rad: the plate is level and before the arm."""
CARRIED = 6.0
"""kg: a push means an acceleration, as of the cart and the pole together if nothing braked them."""
FASTEST = 1.2
"""m/s, of the plate, along x and along y."""
STIFFNESS = 10.0
"""1/s: how fast the arm comes back to the plate's height and to its being level."""
DAMPING = 0.02
"""Of the inverse of the arm's Jacobian, against leaps where it is near singular."""
JOINTS, PLATE_LINK = list(range(7)), 7
FRICTION = 1.0
AT_REST = np.array([0.0, 0.0, 0.09])
"""m: where the plate is told to be at rest, so that the pole stands as high as on the cart."""
PLATE = """
  <link name="plate">
    <inertial><mass value="0.5"/><inertia ixx="0.0018" ixy="0" ixz="0" iyy="0.0018" iyz="0" izz="0.0033"/></inertial>
    <visual><geometry><box size="0.2 0.2 0.02"/></geometry></visual>
    <collision><geometry><box size="0.2 0.2 0.02"/></geometry></collision>
  </link>
  <joint name="plate" type="fixed">
    <parent link="lbr_iiwa_link_7"/><child link="plate"/><origin xyz="0 0 0.06"/>
  </joint>"""


class KukaPlate(BulletScene):
    """The plate is moved along x and y by the arm's joints, at speeds that a push changes; poses are told from where
    the plate is at rest.

    Attributes:
        arm: the body in `bullet`, whose first `joints` turn.
    """

    joints = len(JOINTS)

    def __init__(self) -> None:
        super().__init__()
        bullet = self.bullet
        self.arm = self._load_arm()
        self._turn(REST)
        bullet.changeDynamics(self.arm, PLATE_LINK, lateralFriction=FRICTION)
        self._origin, self._level = (np.array(one) for one in bullet.getLinkState(self.arm, PLATE_LINK)[:2])
        self._half_pole = read_box("pole").size[2] / 2.0
        above = self._origin + [0.0, 0.0, 0.01 + self._half_pole]
        self._pole, self._velocity = self._load("pole", above.tolist()), np.zeros(2)

    def _load_arm(self) -> int:
        """The arm with the plate screwed to its hand: pybullet's own URDF and a link more."""
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(kuka_with(PLATE))
            file.flush()
            return self.bullet.loadURDF(file.name, useFixedBase=True)

    def _turn(self, angles: Sequence[float]) -> None:
        for joint, angle in zip(JOINTS, angles, strict=True):
            self.bullet.resetJointState(self.arm, joint, angle)

    def restore(self) -> None:
        super().restore()
        self._velocity = np.zeros(2)

    def apply(self, force: Sequence[float], steps: int) -> None:
        for _ in range(steps):
            self._velocity = np.clip(self._velocity + PHYSICS_STEP / CARRIED * np.asarray(force), -FASTEST, FASTEST)
            self._idle()

    def _idle(self) -> None:
        """Turns the joints so that the plate goes as it should, stays level and at its height."""
        states = self.bullet.getJointStates(self.arm, JOINTS)
        angles, still = [state[0] for state in states], [0.0] * len(JOINTS)
        linear, angular = self.bullet.calculateJacobian(self.arm, PLATE_LINK, [0.0, 0.0, 0.0], angles, still, still)
        at, turned = self.bullet.getLinkState(self.arm, PLATE_LINK)[:2]
        lean = pybullet.getAxisAngleFromQuaternion(pybullet.getDifferenceQuaternion(turned, self._level.tolist()))
        wanted = np.zeros(6)
        wanted[:2], wanted[2] = self._velocity, STIFFNESS * (self._origin[2] - at[2])
        wanted[3:] = STIFFNESS * np.array(lean[0]) * lean[1]
        jacobian = np.vstack([linear, angular])
        rates = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + DAMPING**2 * np.eye(6), wanted)
        self.bullet.setJointMotorControlArray(
            self.arm, JOINTS, pybullet.VELOCITY_CONTROL, targetVelocities=rates.tolist(), forces=[300.0] * len(JOINTS)
        )
        self._advance()

    def poses(self) -> np.ndarray:
        plate = self.bullet.getLinkState(self.arm, PLATE_LINK)[:2]
        pole = self._where(self._pole)
        poses = np.array([(*position, *orientation) for position, orientation in (plate, pole)])
        poses[:, :3] += AT_REST - self._origin
        return poses

    def show(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Puts plate and pole where they were told to be (2, 7), for a picture, and the arm where it then could be;
        where the plate's middle (3,) and the pole's ends (2, 3) are in the scene, m."""
        bullet, (plate, pole) = self.bullet, poses[:, :3] + self._origin - AT_REST
        self._turn(REST)
        self._turn(bullet.calculateInverseKinematics(self.arm, PLATE_LINK, plate, poses[0, 3:], maxNumIterations=100))
        bullet.resetBasePositionAndOrientation(self._pole, pole, poses[1, 3:])
        along = self._half_pole * rotation_of(poses[1, 3:])[:, 2]
        return plate, np.array([pole - along, pole + along])
