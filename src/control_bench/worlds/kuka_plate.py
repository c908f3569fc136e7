"""pybullet's KUKA arm that carries a plate, and the pole on it: what a cart does on the floor, done by an arm."""

import re
import tempfile
from collections.abc import Sequence

import numpy as np
import pybullet

from control_bench.dynamics.kuka import KUKA_URDF
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
JOINTS, HAND = list(range(7)), 6
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
  </joint>
</robot>"""


class KukaPlate(BulletScene):
    """The plate is moved along x and y by the arm's joints, at speeds that a push changes; poses are told from where
    the plate is at rest."""

    def __init__(self) -> None:
        super().__init__()
        bullet = self._bullet
        self._arm = self._load_arm()
        self._plate = HAND + 1
        for joint, angle in zip(JOINTS, REST, strict=True):
            bullet.resetJointState(self._arm, joint, angle)
        bullet.changeDynamics(self._arm, self._plate, lateralFriction=FRICTION)
        self._origin, self._level = (np.array(one) for one in bullet.getLinkState(self._arm, self._plate)[:2])
        above = self._origin + [0.0, 0.0, 0.01 + 0.25]
        self._pole, self._velocity = self._load("pole", above.tolist()), np.zeros(2)

    def _load_arm(self) -> int:
        """The arm with the plate screwed to its hand: pybullet's own URDF and a link more."""
        text = re.sub(r'filename="meshes', f'filename="{KUKA_URDF.parent}/meshes', KUKA_URDF.read_text())
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(text.replace("</robot>", PLATE))
            file.flush()
            return self._bullet.loadURDF(file.name, useFixedBase=True)

    def restore(self) -> None:
        super().restore()
        self._velocity = np.zeros(2)

    def apply(self, force: Sequence[float], steps: int) -> None:
        for _ in range(steps):
            self._velocity = np.clip(self._velocity + PHYSICS_STEP / CARRIED * np.asarray(force), -FASTEST, FASTEST)
            self._idle()

    def _idle(self) -> None:
        """Turns the joints so that the plate goes as it should, stays level and at its height."""
        states = self._bullet.getJointStates(self._arm, JOINTS)
        angles, still = [state[0] for state in states], [0.0] * len(JOINTS)
        linear, angular = self._bullet.calculateJacobian(self._arm, self._plate, [0.0, 0.0, 0.0], angles, still, still)
        at, turned = self._bullet.getLinkState(self._arm, self._plate)[:2]
        lean = pybullet.getAxisAngleFromQuaternion(pybullet.getDifferenceQuaternion(turned, self._level.tolist()))
        wanted = np.zeros(6)
        wanted[:2], wanted[2] = self._velocity, STIFFNESS * (self._origin[2] - at[2])
        wanted[3:] = STIFFNESS * np.array(lean[0]) * lean[1]
        jacobian = np.vstack([linear, angular])
        rates = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + DAMPING**2 * np.eye(6), wanted)
        self._bullet.setJointMotorControlArray(
            self._arm, JOINTS, pybullet.VELOCITY_CONTROL, targetVelocities=rates.tolist(), forces=[300.0] * len(JOINTS)
        )
        self._advance()

    def poses(self) -> np.ndarray:
        plate = self._bullet.getLinkState(self._arm, self._plate)[:2]
        pole = self._where(self._pole)
        poses = np.array([(*position, *orientation) for position, orientation in (plate, pole)])
        poses[:, :3] += AT_REST - self._origin
        return poses
