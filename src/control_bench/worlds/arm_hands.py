"""Hands that an arm carries: Franka's Panda with its own fingers, and KUKA's iiwa with a WSG 50 screwed to its flange.

Both arms stand 0.55 m behind the table's middle, from where they reach all that is 0.12 m to each side of it, up to
0.5 m high. They keep their third and fifth joint at 0, so that shoulder, elbow and wrist move in one upright plane:
where the joints are for a hand that points straight down is then known in closed form, one answer for each pose,
whatever came before.
"""

import xml.etree.ElementTree as xml
from collections.abc import Sequence
from math import acos, atan2, hypot, pi
from pathlib import Path

import pybullet_data

from control_bench.dynamics.kuka import kuka_with
from control_bench.worlds.hands import Hand
from control_bench.worlds.wsg50 import wsg50

PANDA_URDF = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
PANDA_JAWS, PANDA_FINGER = 0.0584, 0.0539
"""m, along z: from the hand link's origin to the finger links', and on to their tips."""
KUKA_FLANGE = 0.045
"""m, along z from the last link's origin."""
BOX = '<collision><origin xyz="{middle}"/><geometry><box size="{size}"/></geometry></collision>'
GRIP = """
  <link name="grip"><inertial><mass value="0"/>
    <inertia ixx="0" ixy="0" ixz="0" iyy="0" iyz="0" izz="0"/></inertial></link>"""
FIXED = """
  <joint name="grip_joint" type="fixed"><parent link="{parent}"/><child link="grip"/>
    <origin xyz="0 0 {distance}" rpy="0 0 {turn}"/></joint>"""


def _angle(cosine: float) -> float:
    """Whose cosine that is, rad; the nearest there is where it is none."""
    return acos(max(-1.0, min(cosine, 1.0)))


class ArmHand(Hand):
    """Lengths in m, in the plane of the arm: along it and up, with all joints at 0.

    Attributes:
        shoulder: its height. upper, fore: from the shoulder to the elbow, and on to the wrist.
        wrist: from the wrist to the last joint's axis, along the plane.
    """

    base = (-0.55, 0.0, 0.0)
    shoulder: float
    upper: tuple[float, float]
    fore: tuple[float, float]
    wrist: float

    def _lean(self, position: Sequence[float], above: float) -> tuple[float, float, float]:
        """Which way the plane turns, and how far upper arm and forearm lean forward from where they are at 0, rad, when
        the wrist is so far above a position; as near as the arm gets where that is out of reach."""
        x, y = position[0] - self.base[0], position[1] - self.base[1]
        along, up = hypot(x, y) - self.wrist, position[2] + above - self.base[2] - self.shoulder
        reach, upper, fore = hypot(along, up), hypot(*self.upper), hypot(*self.fore)
        straight = atan2(along, up)
        # The elbow is above the line from shoulder to wrist.
        leaning = straight - _angle((upper**2 + reach**2 - fore**2) / (2.0 * upper * reach))
        falling = straight + _angle((fore**2 + reach**2 - upper**2) / (2.0 * fore * reach))
        return atan2(y, x), leaning - atan2(*self.upper), falling - atan2(*self.fore)


class PandaHand(ArmHand):
    """The Panda, whose jaws close along its hand's y.

    Its fingers look as they do, but touch as the gripper's boxes: two boxes meet in a face, whereas the hull of a mesh,
    which Bullet keeps 1 mm off, meets a box in one point at a time, about which light things roll out.
    """

    drives = tuple(f"panda_joint{number}" for number in range(1, 8))
    fingers = ("panda_finger_joint1", "panda_finger_joint2")
    shoulder, upper, fore, wrist = 0.333, (0.0825, 0.316), (-0.0825, 0.384), 0.088

    @property
    def _distance(self) -> float:
        """From the hand link's origin to the grip point, m."""
        return PANDA_JAWS + PANDA_FINGER - self.gripper.reach

    def _urdf(self) -> str:
        thickness, breadth, length = self.gripper.finger
        robot = xml.fromstring(PANDA_URDF.read_text().replace("package://", f"{PANDA_URDF.parent}/"))
        for name, side in (("panda_leftfinger", 1), ("panda_rightfinger", -1)):
            link = robot.find(f"link[@name='{name}']")
            link.remove(link.find("collision"))
            middle = f"0 {side * thickness / 2.0} {PANDA_FINGER - length / 2.0}"
            link.append(xml.fromstring(BOX.format(middle=middle, size=f"{breadth} {thickness} {length}")))
        fixed = FIXED.format(parent="panda_hand", distance=self._distance, turn=pi / 2.0)
        return xml.tostring(robot, "unicode").replace("</robot>", GRIP + fixed + "</robot>")

    def _angles(self, position: Sequence[float], yaw: float) -> Sequence[float]:
        turn, upper, fore = self._lean(position, 0.107 + self._distance)
        return turn, upper, 0.0, upper - fore, 0.0, fore, turn - yaw - pi / 4.0


class KukaHand(ArmHand):
    """The iiwa."""

    drives = tuple(f"lbr_iiwa_joint_{number}" for number in range(1, 8))
    fingers = ("left_joint", "right_joint")
    shoulder, upper, fore, wrist = 0.36, (0.0, 0.42), (0.0, 0.4), 0.0

    @property
    def _distance(self) -> float:
        """From the last link's origin to the grip point, m."""
        return KUKA_FLANGE + self.gripper.palm[2] + self.gripper.finger[2] - self.gripper.reach

    def _urdf(self) -> str:
        fixed = FIXED.format(parent="lbr_iiwa_link_7", distance=self._distance, turn=pi)
        return kuka_with(wsg50(self.gripper) + fixed)

    def _angles(self, position: Sequence[float], yaw: float) -> Sequence[float]:
        turn, upper, fore = self._lean(position, 0.081 + self._distance)
        return turn, upper, 0.0, upper - fore, 0.0, pi - fore, turn - yaw
