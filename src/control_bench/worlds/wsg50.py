"""URDF of a hand like Schunk's WSG 50, of a gripper's measures, and of rails for it to fly on."""

from pathlib import Path

import pybullet_data

from control_bench.grasping.gripper import Gripper

MESH = Path(pybullet_data.getDataPath()) / "gripper" / "meshes" / "WSG50_110.stl"
STRONGEST, FASTEST = 200.0, 2.0
"""N and m/s, or N m and rad/s, of each rail."""

FLYING = """<robot name="flying_hand">
  <link name="base"><inertial><mass value="0"/>
    <inertia ixx="0" ixy="0" ixz="0" iyy="0" iyz="0" izz="0"/></inertial></link>
  {axes}
  <joint name="hand" type="fixed"><parent link="yaw"/><child link="grip"/><origin rpy="3.141592653589793 0 0"/></joint>
  {hand}
</robot>"""
AXIS = """
  <link name="{name}"><inertial><mass value="0.1"/>
    <inertia ixx="1e-4" ixy="0" ixz="0" iyy="1e-4" iyz="0" izz="1e-4"/></inertial></link>
  <joint name="{name}_joint" type="{type}"><parent link="{parent}"/><child link="{name}"/><axis xyz="{axis}"/>
    <limit lower="-2" upper="2" effort="{effort}" velocity="{velocity}"/></joint>"""
PALM = """
  <link name="grip">
    <inertial><origin xyz="0 0 {middle}"/><mass value="1.2"/>
      <inertia ixx="2e-3" ixy="0" ixz="0" iyy="2e-3" iyz="0" izz="2e-3"/></inertial>
    <visual><origin xyz="0 0 {top}"/><geometry><mesh filename="{mesh}"/></geometry></visual>
    <collision><origin xyz="0 0 {middle}"/><geometry><box size="{size}"/></geometry></collision>
  </link>"""
FINGER = """
  <link name="{name}">
    <inertial><origin xyz="{middle}"/><mass value="0.1"/>
      <inertia ixx="1e-4" ixy="0" ixz="0" iyy="1e-4" iyz="0" izz="1e-4"/></inertial>
    <visual><origin xyz="{middle}"/><geometry><box size="{size}"/></geometry></visual>
    <collision><origin xyz="{middle}"/><geometry><box size="{size}"/></geometry></collision>
  </link>
  <joint name="{name}_joint" type="prismatic"><parent link="grip"/><child link="{name}"/><axis xyz="{side} 0 0"/>
    <limit lower="{narrowest}" upper="{opening}" effort="100" velocity="1"/></joint>"""


def wsg50(gripper: Gripper) -> str:
    """URDF of palm and fingers, whose root is the grip link."""
    thickness, breadth, length = gripper.finger
    top = gripper.reach - length
    text = PALM.format(
        middle=top - gripper.palm[2] / 2.0, top=top - gripper.palm[2], size=" ".join(map(str, gripper.palm)),
        mesh=MESH,
    )  # fmt: skip
    for name, side in (("left", -1), ("right", 1)):
        text += FINGER.format(
            name=name, side=side, middle=f"{side * thickness / 2.0} 0 {top + length / 2.0}",
            size=f"{thickness} {breadth} {length}", narrowest=gripper.narrowest / 2.0, opening=gripper.opening / 2.0,
        )  # fmt: skip
    return text


def flying(hand: str) -> str:
    """URDF of a hand, whose root is the grip link, on joints `x_joint`, `y_joint`, `z_joint` and `yaw_joint`."""
    rails, parent = "", "base"
    for name, axis in (("x", "1 0 0"), ("y", "0 1 0"), ("z", "0 0 1"), ("yaw", "0 0 1")):
        kind = "continuous" if name == "yaw" else "prismatic"
        rails += AXIS.format(name=name, type=kind, parent=parent, axis=axis, effort=STRONGEST, velocity=FASTEST)
        parent = name
    return FLYING.format(axes=rails, hand=hand)
