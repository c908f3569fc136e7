"""The planar arms' URDF files: the numbers of arms.py, and pybullet moves them as our equations do."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pybullet
import pytest

from control_bench.dynamics.arms import ARMS
from control_bench.dynamics.bullet import Bullet
from control_bench.dynamics.planar_arm import PlanarArm

FOLDER = Path(__file__).resolve().parents[2] / "urdf"
EVERY = pytest.mark.parametrize("name", list(ARMS))


def floats(element, attribute):
    return [float(number) for number in element.get(attribute).split()]


class Loaded:
    """An arm's file in a pybullet of its own: no gravity, no damping, no motors."""

    def __init__(self, arm):
        self.bullet, self.joints, self.dt = Bullet(), list(range(arm.joints)), arm.dt
        # Without the flag pybullet works inertias out from the shapes that links collide with; these have none.
        self.body = self.bullet.loadURDF(
            str(FOLDER / f"{arm.name}.urdf"), useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE
        )
        self.bullet.setTimeStep(arm.dt)
        for link in range(-1, self.bullet.getNumJoints(self.body)):
            self.bullet.changeDynamics(self.body, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)
        self.bullet.setJointMotorControlArray(
            self.body, self.joints, pybullet.VELOCITY_CONTROL, forces=[0.0] * arm.joints
        )

    def mass_matrix(self, q):
        return np.array(self.bullet.calculateMassMatrix(self.body, q.tolist()))

    def inverse_dynamics(self, q, v, a):
        return np.array(self.bullet.calculateInverseDynamics(self.body, q.tolist(), v.tolist(), a.tolist()))

    def put(self, state):
        for joint in self.joints:
            self.bullet.resetJointState(self.body, joint, state[joint], state[len(self.joints) + joint])

    def step(self, torque):
        self.bullet.setJointMotorControlArray(
            self.body, self.joints, pybullet.TORQUE_CONTROL, forces=np.asarray(torque).tolist()
        )
        self.bullet.stepSimulation()
        after = self.bullet.getJointStates(self.body, self.joints)
        return np.array([joint[0] for joint in after] + [joint[1] for joint in after])


def draw(arm, number, seed=0):
    """Random states (number, 2n) and torques (number, n)."""
    rng, n = np.random.default_rng(seed), arm.joints
    states = np.hstack([rng.uniform(-3, 3, (number, n)), rng.uniform(-3, 3, (number, n))])
    return states, rng.uniform(-5, 5, (number, n))


@EVERY
def test_the_numbers_are_those_of_arms(name):
    about, robot = ARMS[name], ET.parse(FOLDER / f"{name}.urdf").getroot()
    n = len(about.links)
    assert robot.get("name") == name
    assert [link.get("name") for link in robot.findall("link")] == [
        "base",
        *(f"link_{i + 1}" for i in range(n)),
        "hand",
    ]
    joints, links = robot.findall("joint"), robot.findall("link")
    reaches = [0.0, *about.lengths]
    for i, joint in enumerate(joints):
        assert joint.find("parent").get("link") == links[i].get("name")
        assert joint.find("child").get("link") == links[i + 1].get("name")
        assert floats(joint.find("origin"), "xyz") == [reaches[i], 0.0, 0.0] and not joint.find("origin").get("rpy")
    assert [joint.get("name") for joint in joints[:n]] == [f"joint_{i + 1}" for i in range(n)]
    assert joints[n].get("type") == "fixed"
    for joint in joints[:n]:
        assert joint.get("type") == "continuous" and floats(joint.find("axis"), "xyz") == [0.0, 0.0, 1.0]
        assert float(joint.find("limit").get("effort")) == about.torque == 50.0
        assert joint.find("dynamics") is None and about.friction == 0.0
    for link, ours in zip(links[1:], about.links, strict=False):
        inertial = link.find("inertial")
        assert floats(inertial.find("origin"), "xyz") == [ours.centre, 0.0, 0.0]
        assert float(inertial.find("mass").get("value")) == ours.mass
        values = {
            axis: float(inertial.find("inertia").get(axis)) for axis in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")
        }
        assert values["izz"] == pytest.approx(ours.inertia - ours.mass * ours.centre**2, rel=1e-12)
        # A body has them: no moment is above the sum of the other two.
        moments = sorted(values[axis] for axis in ("ixx", "iyy", "izz"))
        assert moments[0] > 0.0 and moments[2] <= moments[0] + moments[1]
        assert values["ixy"] == values["ixz"] == values["iyz"] == 0.0
    assert links[0].find("inertial") is None  # KDL, and so robot_state_publisher, warns of one in a root
    assert float(links[-1].find("inertial").find("mass").get("value")) == 0.0


@EVERY
def test_every_link_can_be_seen_in_a_colour_that_is_defined(name):
    robot = ET.parse(FOLDER / f"{name}.urdf").getroot()
    colours = {material.get("name") for material in robot.findall("material")}
    assert len(colours) <= 3 and all(material.find("color") is not None for material in robot.findall("material"))
    for link in robot.findall("link"):
        used = {visual.find("material").get("name") for visual in link.findall("visual")}
        assert used and used <= colours


@EVERY
def test_pybullets_mass_matrix_and_inverse_dynamics_are_ours(name):
    arm = PlanarArm(name)
    loaded, n = Loaded(arm), arm.joints
    for state, torque in zip(*draw(arm, 50), strict=True):
        q, v, a = state[:n], state[n:], 4.0 * torque
        mass = arm.mass_matrix(q)
        np.testing.assert_allclose(loaded.mass_matrix(q), mass, rtol=1e-9, atol=1e-9 * np.abs(mass).max())
        ours = mass @ a + arm.bias(q, v)
        np.testing.assert_allclose(loaded.inverse_dynamics(q, v, a), ours, rtol=1e-9, atol=1e-9 * np.abs(ours).max())


@EVERY
def test_the_hand_frame_is_the_hand(name):
    arm = PlanarArm(name)
    loaded = Loaded(arm)
    for state, _ in zip(*draw(arm, 10), strict=True):
        loaded.put(state)
        where = loaded.bullet.getLinkState(loaded.body, arm.joints, computeForwardKinematics=True)[4]
        np.testing.assert_allclose(where, [*arm.hand(state[: arm.joints]), 0.0], atol=1e-12)


@EVERY
def test_one_step_of_pybullet_is_ours(name):
    # Both are the semi-implicit step, so that they differ by rounding alone: an acceleration M^-1 (u - bias) carries
    # at most some hundred roundings (eps = 2.2e-16) of its largest term, enlarged by the condition of M; a step takes
    # dt of that into the rates and dt^2 into the angles, and rounds the state itself.
    arm = PlanarArm(name)
    loaded, n, eps = Loaded(arm), arm.joints, np.finfo(float).eps
    for state, torque in zip(*draw(arm, 50, seed=1), strict=True):
        loaded.put(state)
        mass, bias = arm.mass_matrix(state[:n]), arm.bias(state[:n], state[n:])
        largest = np.linalg.norm(torque) + np.linalg.norm(bias)
        of_rates = 100 * eps * (arm.dt * np.linalg.cond(mass) * largest / np.linalg.eigvalsh(mass)[0] + 10.0)
        assert of_rates < 1e-9
        differences = np.abs(loaded.step(torque) - arm.step(state, torque))
        assert np.all(differences[n:] <= of_rates) and np.all(differences[:n] <= arm.dt * of_rates + 100 * eps)


@EVERY
def test_half_a_second_stays_together(name):
    # The error of either is of order dt, C dt, so that half the step changes the end by C dt / 2. That is the most by
    # which two right answers may differ; two of the same method should by far less, here by a thousandth of it.
    dt, seconds = 1e-3, 0.5
    arm, finer = PlanarArm(name, dt), PlanarArm(name, dt / 2)
    loaded, (states, torques) = Loaded(arm), draw(arm, 1, seed=2)
    amplitude, everyone = torques[0], np.ones(1, bool)
    ours, halved = states.copy(), states.copy()
    loaded.put(states[0])
    for step in range(round(seconds / dt)):
        torque = amplitude * np.cos(10.0 * step * dt)
        theirs = loaded.step(torque)
        arm.advance(ours, torque[None], everyone)
        for _ in range(2):
            finer.advance(halved, torque[None], everyone)
    order_dt = np.abs(ours[0] - halved[0]).max()
    assert 1e-9 < order_dt < 0.5  # the bound is one
    assert np.abs(ours[0] - states[0]).max() > 0.5  # they went somewhere
    assert np.abs(theirs - ours[0]).max() < 1e-3 * order_dt
