"""Hands that grasp in pybullet: they hold what mechanics says is held, let slip what it says slips, and do so alike
each time."""

import itertools

import numpy as np
import pytest

from control_bench.dynamics.bullet import GRAVITY, Bullet, pybullet
from control_bench.errors import BadInput
from control_bench.worlds.hands import HANDS, PAD_RADIUS, PHYSICS_STEP, make_hand, prepare

CUBE = (0.031, 0.031, 0.031)
SECOND = round(1.0 / PHYSICS_STEP)
every_hand = pytest.mark.parametrize("name", HANDS)


class Scene:
    """A hand over a table whose top is at z = 0."""

    def __init__(self, name: str, friction: float = 0.5) -> None:
        self.bullet = bullet = Bullet()
        prepare(bullet)
        self.table = self._load(dict(shapeType=pybullet.GEOM_BOX, halfExtents=[1, 1, 0.05]), 0.0, (0, 0, -0.05), 0.5)
        self.hand = make_hand(name, bullet, friction)

    def _load(self, shape: dict, mass: float, position, friction: float) -> int:
        body = self.bullet.createMultiBody(mass, self.bullet.createCollisionShape(**shape), basePosition=position)
        self.bullet.changeDynamics(body, -1, lateralFriction=friction, linearDamping=0.0, angularDamping=0.0)
        return body

    def box(self, size, mass: float, position) -> int:
        return self._load(
            dict(shapeType=pybullet.GEOM_BOX, halfExtents=[edge / 2 for edge in size]), mass, position, 1.0
        )

    def ball(self, radius: float, mass: float, position) -> int:
        return self._load(dict(shapeType=pybullet.GEOM_SPHERE, radius=radius), mass, position, 1.0)

    def wedge(self, slope: float, mass: float, position) -> int:
        """30 mm across its middle, each of the two faces that are gripped inclined by `slope` (m per m along y)."""
        corners = [
            ((0.015 - slope * y) * side, y, z)
            for side, y, z in itertools.product((-1, 1), (-0.02, 0.02), (-0.015, 0.015))
        ]
        return self._load(dict(shapeType=pybullet.GEOM_MESH, vertices=corners), mass, position, 1.0)

    def run(self, steps: int, each=lambda done: None) -> None:
        """`each` gets how much of it is done, 0 to 1, before every step."""
        for step in range(steps):
            each((step + 1) / steps)
            self.bullet.stepSimulation()

    def move(self, begin, end, yaw: float = 0.0, steps: int = SECOND // 2) -> None:
        begin, end = np.array(begin), np.array(end)
        self.run(steps, lambda done: self.hand.aim(begin + done * (end - begin), yaw))

    def at(self, body: int) -> np.ndarray:
        return np.array(self.bullet.getBasePositionAndOrientation(body)[0])

    def tilt(self, body: int) -> float:
        """How far its z axis is from upright, rad."""
        turned = self.bullet.getBasePositionAndOrientation(body)[1]
        return float(np.arccos(np.clip(self.bullet.getMatrixFromQuaternion(turned)[8], -1.0, 1.0)))

    def grip_in_the_air(self, body: int) -> None:
        """Without gravity, so that the body stays where it is while the jaws close on it."""
        self.bullet.setGravity(0, 0, 0)
        self.hand.close()
        self.run(SECOND)

    def force(self, body: int) -> list[float]:
        """That each finger presses the body with, N."""
        touches = (self.bullet.getContactPoints(self.hand.body, body, finger) for finger in self.hand._fingers)
        return [sum(touch[9] for touch in finger) for finger in touches]


@every_hand
@pytest.mark.parametrize("aside", [0.0, 0.008])
def test_a_box_on_the_table_is_held_through_lift_and_shake(name, aside):
    scene = Scene(name)
    scene.hand.reset((0, 0, 0.016), 0.0)
    box = scene.box(CUBE, 0.1, (aside, 0, 0.0155))
    scene.run(SECOND // 4)
    scene.hand.close()
    scene.run(SECOND // 2)
    # What is off the middle is pushed there, the hand stays.
    np.testing.assert_allclose(scene.hand.pose(), [0, 0, 0.016, 0], atol=1e-4)
    assert abs(scene.at(box)[0]) < 1e-3
    assert scene.hand.width() == pytest.approx(CUBE[0], abs=5e-4)  # the pads are soft
    within = scene.at(box) - scene.hand.pose()[:3]
    scene.move((0, 0, 0.016), (0, 0, 0.216))
    scene.run(2 * SECOND, lambda done: scene.hand.aim(np.array([0, 0, 0.216]) + 0.02 * np.sin(8 * np.pi * done), 0.0))
    assert scene.hand.holds(box)
    np.testing.assert_allclose(scene.at(box) - scene.hand.pose()[:3], within, atol=2e-4)
    scene.hand.open()
    scene.run(SECOND)
    assert not scene.hand.holds(box) and scene.at(box)[2] < 0.05


@every_hand
def test_each_jaw_presses_with_the_grippers_force(name):
    scene = Scene(name)
    scene.hand.reset((0, 0, 0.2), 0.4)
    assert scene.hand.width() == pytest.approx(scene.hand.gripper.opening)
    ball = scene.ball(0.015, 0.1, (0, 0, 0.2))
    scene.grip_in_the_air(ball)
    np.testing.assert_allclose(scene.force(ball), scene.hand.gripper.force, rtol=1e-3)
    scene.hand.open()
    scene.run(SECOND)
    assert scene.hand.width() == pytest.approx(scene.hand.gripper.opening, abs=1e-4)
    scene.bullet.removeBody(ball)
    scene.hand.close()
    scene.run(SECOND)
    assert scene.hand.width() == pytest.approx(0.0, abs=1e-4)


@every_hand
@pytest.mark.parametrize("mass", [1.0, 3.0])
def test_a_weight_slips_at_the_friction_that_theory_gives(name, mass):
    def sunk(friction: float) -> float:
        scene = Scene(name, friction)
        scene.hand.reset((0, 0, 0.2), 0.0)
        box = scene.box(CUBE, mass, (0, 0, 0.2))
        scene.grip_in_the_air(box)
        before = scene.at(box)[2]
        scene.bullet.setGravity(*GRAVITY)
        scene.run(SECOND)
        return before - scene.at(box)[2]

    least = -mass * GRAVITY[2] / (2.0 * 20.0)  # two jaws of 20 N
    assert sunk(1.03 * least) < 1e-3
    assert sunk(0.97 * least) > 0.02


@every_hand
@pytest.mark.parametrize("friction", [0.3, 0.5])
@pytest.mark.parametrize("share, held", [(0.85, True), (1.15, False)])
def test_a_wedge_is_squeezed_out_if_its_faces_incline_beyond_the_friction_cone(name, friction, share, held):
    scene = Scene(name, friction)
    scene.hand.reset((0, 0, 0.2), 0.0)
    wedge = scene.wedge(share * friction, 0.1, (0, 0, 0.2))
    scene.grip_in_the_air(wedge)
    scene.bullet.setGravity(*GRAVITY)
    scene.run(SECOND)
    assert scene.hand.holds(wedge) == held
    assert (np.linalg.norm(scene.at(wedge) - [0, 0, 0.2]) < 2e-3) == held


@pytest.mark.parametrize("share, held", [(0.95, True), (1.05, False)])
def test_soft_pads_hold_a_ball_against_being_turned_by_coulombs_torque(share, held):
    scene = Scene("wsg50", friction := 0.5)
    scene.hand.reset((0, 0, 0.2), 0.0)
    ball = scene.ball(0.015, 0.1, (0, 0, 0.2))
    scene.grip_in_the_air(ball)
    torque = share * 2.0 * 20.0 * 2.0 / 3.0 * friction * PAD_RADIUS
    scene.run(
        SECOND // 4,
        lambda done: scene.bullet.applyExternalTorque(ball, -1, [torque, 0, 0], pybullet.WORLD_FRAME),
    )
    assert (np.linalg.norm(scene.bullet.getBaseVelocity(ball)[1]) < 0.01) == held


@every_hand
def test_a_bar_turns_about_the_pads_if_it_is_gripped_by_its_end(name):
    def tilted(off: float) -> float:
        scene = Scene(name)
        scene.hand.reset((0, 0, 0.015), 0.0)
        bar = scene.box((0.02, 0.16, 0.02), 0.3, (0, off, 0.01))
        scene.run(SECOND // 4)
        scene.hand.close()
        scene.run(SECOND // 2)
        scene.move((0, 0, 0.015), (0, 0, 0.215))
        scene.run(SECOND)
        assert scene.hand.holds(bar)
        return scene.tilt(bar)

    assert tilted(0.0) < 0.005
    assert tilted(0.06) > 0.05


@every_hand
def test_the_same_inputs_give_the_same_to_the_last_bit(name):
    def played(scene: Scene) -> np.ndarray:
        """A grasp, a lift and a fall; the box is taken away again."""
        rng, seen = np.random.default_rng(5), []
        scene.hand.reset((0, 0, 0.12), 0.3)
        box = scene.box(CUBE, 0.1, (0.004, 0.002, 0.0155))

        def steps(count: int) -> None:
            for _ in range(count):
                scene.run(10)
                seen.append(np.concatenate([scene.hand.pose(), [scene.hand.width()], scene.at(box)]))

        scene.move((0, 0, 0.12), (0, 0, 0.016), 0.3)
        scene.hand.close()
        steps(12)
        for point in rng.uniform((-0.01, -0.01, 0.1), (0.01, 0.01, 0.12), (6, 3)):
            scene.hand.aim(point, 0.3)
            steps(3)
        scene.hand.open()
        steps(20)
        scene.bullet.removeBody(box)
        return np.array(seen)

    scene = Scene(name)
    first = played(scene)
    assert first[20, 7] > 0.05 > first[-1, 7]  # the box was lifted and fell
    np.testing.assert_array_equal(played(scene), first)
    np.testing.assert_array_equal(played(Scene(name)), first)


@every_hand
def test_it_gets_where_it_is_aimed_with_all_joints_within_their_limits(name):
    scene, rng = Scene(name), np.random.default_rng(2)
    hand, bullet = scene.hand, scene.bullet
    limits = np.array([bullet.getJointInfo(hand.body, drive)[8:10] for drive in hand._drives])
    corners = itertools.product((-0.12, 0.12), (-0.12, 0.12), (0.01, 0.4), (-np.pi / 2, np.pi / 2))
    within = rng.uniform((-0.12, -0.12, 0.01, -np.pi / 2), (0.12, 0.12, 0.4, np.pi / 2), (200, 4))
    for *position, yaw in (*corners, *within):
        angles = np.array(hand._angles(position, yaw))
        assert (angles > limits[:, 0]).all() and (angles < limits[:, 1]).all()
    wanted = np.array([0.0, 0.0, 0.2, 0.0])
    hand.reset(wanted[:3], wanted[3])
    for *position, yaw in [(-0.12, -0.12, 0.4, -1.57), (-0.12, 0.12, 0.01, 1.57), (0.12, 0.12, 0.4, 0.0), *within[:4]]:
        begin, wanted = wanted, np.array([*position, yaw])

        def along(done, begin=begin, wanted=wanted):
            *point, turned = begin + done * (wanted - begin)
            hand.aim(point, turned)
            # Up to 0.23 m/s and 1.6 rad/s: it lags by what that is in two steps.
            assert np.abs(hand.pose() - begin - done * (wanted - begin)).max() < 0.015

        scene.run(2 * SECOND, along)
        scene.run(SECOND // 8)
        assert np.abs(hand.pose()[:3] - wanted[:3]).max() < 1e-4 and abs(hand.pose()[3] - wanted[3]) < 1e-3


@every_hand
def test_it_can_be_pressed_on_the_table(name):
    scene = Scene(name)
    scene.hand.reset((0, 0, 0.05), 0.0)
    scene.move((0, 0, 0.05), (0, 0, -0.02))
    scene.run(SECOND)
    assert 0.005 < scene.hand.pose()[2] < 0.012  # the fingertips are 0.01 below the grip point
    scene.move((0, 0, -0.02), (0, 0, 0.1))
    scene.run(SECOND // 8)
    np.testing.assert_allclose(scene.hand.pose(), [0, 0, 0.1, 0], atol=1e-4)


@every_hand
def test_its_fingers_are_seen_where_the_gripper_has_them(name):
    scene = Scene(name)
    scene.hand.reset((0.1, -0.05, 0.3), np.pi / 2)
    shapes = scene.hand.shapes()
    boxes = scene.hand.gripper.boxes()[:2]
    seen = sorted((vertices - [0.1, -0.05, 0.3] for vertices, _ in shapes[-2:]), key=lambda one: one[:, 1].mean())
    # The closing axis is the world's y, and the grasp's z is down.
    for vertices, (lower, upper) in zip(seen, boxes, strict=True):
        np.testing.assert_allclose(vertices.min(axis=0), [lower[1], lower[0], -upper[2]], atol=1e-6)
        np.testing.assert_allclose(vertices.max(axis=0), [upper[1], upper[0], -lower[2]], atol=1e-6)
    for vertices, faces in shapes:
        assert faces.shape[1] == 3 and faces.max() < len(vertices) and vertices[:, 2].min() > -1e-3
    assert max(vertices[:, 2].max() for vertices, _ in shapes) > 0.4  # the palm and what carries it


def test_an_unknown_hand_is_refused():
    with pytest.raises(BadInput, match="there is no hand 'wsg', did you mean 'wsg50'?"):
        make_hand("wsg", Bullet(), 0.5)
