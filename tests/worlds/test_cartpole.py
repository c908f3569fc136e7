"""cartpole++'s world: the bodies and the faults that the article's code had, rows apart, and exactly repeatable."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.learning import checkpoint
from control_bench.tasks.balance import EYES, TARGET
from control_bench.worlds.boxes import read_box
from control_bench.worlds.carriers import ArticleCart, Cart
from control_bench.worlds.cartpole import SETTLING, CartpoleWorld
from control_bench.worlds.renderer import Camera, Renderer

SCENES = [Cart, ArticleCart]
FORCES = np.random.default_rng(0).uniform(-50, 50, (12, 2))
OTHERS = np.random.default_rng(1).uniform(-50, 50, (30, 2))

both_fidelities = pytest.mark.parametrize("scene", SCENES)


def world(scene=Cart, rows=1, **options):
    return CartpoleWorld([scene() for _ in range(rows)], **options)


def begin(one, angles, rows=None):
    rows = np.arange(one.rows) if rows is None else np.array(rows)
    one.reset(rows, np.reshape(angles, (-1, 1)).astype(float), [np.random.default_rng(9) for _ in rows])
    return one


def poses(one):
    return one.read()["poses"]


def onward(one, forces, row=0):
    """The poses that a row comes to by forces (steps, 2), the others left to themselves."""
    trace = []
    for force in forces:
        command = np.zeros((one.rows, 2))
        command[row] = force
        one.step(command)
        trace.append(poses(one)[row])
    return np.array(trace)


def episode(one, angle=1.0, forces=FORCES, row=0):
    begin(one, [angle], [row])
    return np.concatenate([poses(one)[[row]], onward(one, forces, row)])


def settled(scene=Cart):
    made = scene()
    made.settle(SETTLING)
    return made


def moved(scene, force, steps):
    """How far the cart goes along x and y, m, by one force (2,) for so many steps of physics."""
    before = scene.poses()[0, :2]
    scene.apply(np.array(force), steps)
    return scene.poses()[0, :2] - before


def heading(scene):
    return Rotation.from_quat(scene.poses()[0, 3:]).as_euler("xyz")[2]


# What is in the scene.


@both_fidelities
def test_bodies_are_the_articles(scene):
    made = scene()
    bullet = made.bullet
    expected = {
        made._floor: (0.0, 0.5, (0.0, 0.0, 0.0), (10.0, 10.0, 0.1)),
        made._cart: (1.0, 1.0, (0.010625, 0.010625, 0.02), (0.2, 0.2, 0.05)),
        made._pole: (5.0, 1.0, (0.313, 0.313, 0.001), (0.02, 0.02, 0.5)),
    }
    assert bullet.getNumBodies() == 3
    for body, (mass, friction, inertia, size) in expected.items():
        about = bullet.getDynamicsInfo(body, -1)
        assert about[:2] == (mass, friction) and about[5:8] == (0.0, 0.0, 0.0)  # nothing bounces or rolls off
        np.testing.assert_allclose(about[2], inertia, rtol=1e-9)
        (shape,) = bullet.getCollisionShapeData(body, -1)
        np.testing.assert_allclose(shape[3], size, rtol=1e-9)
        assert bullet.getNumJoints(body) == 0


@both_fidelities
def test_physics_are_the_articles(scene):
    made = scene()
    engine = made.bullet.getPhysicsEngineParameters()
    assert engine["fixedTimeStep"] == 1 / 240 and engine["numSubSteps"] == 0 and engine["numSolverIterations"] == 50
    assert [engine[f"gravityAcceleration{axis}"] for axis in "XYZ"] == [0.0, 0.0, -9.81]


@both_fidelities
def test_what_is_drawn_is_what_is_there(scene):
    made = scene()
    for name, body in (("ground", made._floor), ("cart", made._cart), ("pole", made._pole)):
        (shape,) = made.bullet.getVisualShapeData(body)
        box = read_box(name)
        np.testing.assert_allclose(shape[3], box.size, rtol=1e-6)
        np.testing.assert_allclose(shape[7][:3], box.colour, rtol=1e-6)


@both_fidelities
def test_the_scene_comes_to_rest_with_the_pole_upright_on_the_cart(scene):
    made = settled(scene)
    for _ in range(2):
        cart, pole = made.poses()
        np.testing.assert_allclose(cart[:3], (0, 0, 0.075), atol=2e-4)
        np.testing.assert_allclose(pole[:3], (0, 0, 0.35), atol=2e-3)
        assert Rotation.from_quat(pole[3:]).as_matrix()[2, 2] > 0.9999
        made.apply(np.zeros(2), 240)


@both_fidelities
def test_the_first_push_is_the_articles(scene):
    made = settled(scene)
    np.testing.assert_allclose(moved(made, (55.0, 0.0), 30), (0.057, 0.0), atol=0.003)
    (speed, _, _), _ = made.bullet.getBaseVelocity(made._cart)
    assert speed == pytest.approx(0.91, abs=0.04)
    assert Rotation.from_quat(made.poses()[1, 3:]).as_euler("xyz")[1] == pytest.approx(-0.1, abs=0.02)


# How a force acts.


def test_a_force_acts_at_once():
    made = settled()
    assert moved(made, (50.0, 0.0), 1)[0] > 1e-4


def test_the_articles_force_acts_one_step_late():
    made = settled(ArticleCart)
    assert abs(moved(made, (50.0, 0.0), 1)).max() < 1e-6
    assert moved(made, (0.0, 0.0), 1)[0] > 1e-4  # what was sent a step ago
    assert moved(made, (0.0, 0.0), 1)[0] < 1.2e-4  # and no more of it: the cart slides on, and slows down


def test_a_force_does_not_turn_the_cart_but_the_articles_does_away_from_the_origin():
    turned = []
    for scene in SCENES:
        made = settled(scene)
        made.bullet.resetBasePositionAndOrientation(made._pole, (3.0, 3.0, 0.3), (0, 0, 0, 1))
        made.bullet.resetBasePositionAndOrientation(made._cart, (0.5, 0.0, 0.075), (0, 0, 0, 1))
        assert moved(made, (0.0, 20.0), 6)[1] > 1e-3
        turned.append(heading(made))
    # 0.5 m beside the force, 10 N m turn 0.02 kg m^2 for the five steps that the force had by then.
    assert abs(turned[0]) < 1e-3 and turned[1] == pytest.approx(-500 / 240**2 * (1 + 2 + 3 + 4 + 5), abs=0.02)


@both_fidelities
def test_an_episode_begins_with_the_push_from_rest(scene):
    one, alone = begin(world(scene, push=40.0), [0.7]), settled(scene)
    alone.apply(40.0 * np.array([np.cos(0.7), np.sin(0.7)]), 30)
    assert poses(one)[0, -1].tolist() == alone.poses().tolist()
    unpushed = begin(world(scene, push=0.0), [0.7])
    assert poses(unpushed)[0, -1].tolist() == settled(scene).poses().tolist()


# Readings.


@both_fidelities
def test_after_a_reset_all_repeats_hold_the_same_snapshot(scene):
    one = world(scene, repeats=3)
    for _ in range(2):
        reading = begin(one, [0.3]).read()
        assert reading["poses"].shape == (1, 3, 2, 7) and not reading["force"].any()
        assert (reading["poses"] == reading["poses"][:, :1]).all()
        onward(one, FORCES[:2])


@both_fidelities
def test_repeats_are_the_moments_of_a_step_in_their_order(scene):
    often, seldom = begin(world(scene, repeats=3, steps=4), [1.0]), begin(world(scene, repeats=1, steps=4), [1.0])
    for force in FORCES[:5]:
        moments = onward(often, [force])[0]
        assert moments.tolist() == [onward(seldom, [force])[0, 0].tolist() for _ in range(3)]
        assert (moments[1:] != moments[:-1]).any(axis=(1, 2)).all()


def test_the_force_that_is_read_is_the_last_steps():
    one = begin(world(rows=2), [1.0, 2.0])
    for force in FORCES[:3]:
        one.step(np.array([force, -force]))
        assert one.read()["force"].tolist() == [force.tolist(), (-force).tolist()]
    begin(one, [1.0], [1])
    assert one.read()["force"].tolist() == [FORCES[2].tolist(), [0.0, 0.0]]


def test_readings_do_not_change_later():
    one = begin(world(renderer=renderer(1)), [1.0])
    reading = one.read()
    kept = {name: values.copy() for name, values in reading.items()}
    onward(one, FORCES)
    for name, values in kept.items():
        np.testing.assert_array_equal(reading[name], values)


def renderer(cameras, size=20):
    eyes = tuple(Camera(eye, TARGET, size=size) for eye in EYES[:cameras])
    return Renderer(eyes, (read_box("ground"),), (read_box("cart"), read_box("pole")))


def test_images_are_the_renderers_of_the_poses():
    one, drawing = begin(world(rows=2, repeats=3, renderer=renderer(2)), [1.0, 2.0]), renderer(2)
    for force in [None, *FORCES[:4]]:
        if force is not None:
            one.step(np.array([force, -force]))
        reading, expected = one.read(), np.zeros(drawing.shape, np.uint8)
        assert reading["images"].shape == (2, 3, 2, 20, 20, 3) and reading["images"].dtype == np.uint8
        for row, repeat in np.ndindex(2, 3):
            drawing.draw(reading["poses"][row, repeat], expected)
            np.testing.assert_array_equal(reading["images"][row, repeat], expected)
    assert len(np.unique(reading["images"].reshape(12, -1), axis=0)) == 12  # rows, moments and cameras differ


def test_a_world_without_a_renderer_is_blind():
    assert sorted(begin(world(), [0.0]).read()) == ["force", "poses"]


# The same again.


@both_fidelities
def test_the_same_start_gives_the_same_episode_whatever_was_played_before(scene):
    one = world(scene)
    first = episode(one)
    assert np.abs(first[-1] - first[0]).max() > 0.1
    for angle, forces in ((1.0, FORCES), (2.5, OTHERS), (0.1, OTHERS[:1])):
        episode(one, angle, forces)
        assert episode(one).tobytes() == first.tobytes()


@both_fidelities
def test_the_same_start_gives_the_same_episode_in_a_fresh_world_and_in_another_row(scene):
    used = world(scene)
    episode(used, 2.5, OTHERS)
    again = episode(used)  # restored, where the fresh ones come to rest anew
    assert episode(world(scene)).tobytes() == again.tobytes()
    assert episode(world(scene, rows=3), row=2).tobytes() == again.tobytes()


@both_fidelities
def test_a_scene_that_is_restored_goes_on_as_one_that_has_just_come_to_rest(scene):
    used, fresh, after = settled(scene), settled(scene), []
    used.apply(np.array([30.0, -40.0]), 25)
    used.restore()
    for made in (used, fresh):
        trace = [made.poses()]
        for force in FORCES:
            made.apply(force, 3)
            trace.append(made.poses())
        after.append(np.array(trace).tobytes())
    assert after[0] == after[1]


def test_another_angle_gives_another_episode():
    one = world()
    ends = [episode(one, angle)[0, -1, 0, :2] for angle in (0.0, np.pi / 2, np.pi)]
    np.testing.assert_allclose(ends, np.array([(1, 0), (0, 1), (-1, 0)]) * 0.0587, atol=0.002)


# Rows.


@both_fidelities
def test_rows_together_do_what_each_does_alone(scene):
    many = begin(world(scene, rows=3), [0.5, 2.0, 4.0])
    trace = [poses(many)]
    for step in range(10):
        many.step(np.roll(OTHERS, step, axis=0)[:3])
        trace.append(poses(many))
    for row, angle in enumerate((0.5, 2.0, 4.0)):
        alone = episode(world(scene), angle, [np.roll(OTHERS, step, axis=0)[row] for step in range(10)])
        assert np.array(trace)[:, row].tobytes() == alone.tobytes()


@both_fidelities
def test_rows_that_are_not_active_stand_still(scene):
    many, whole = (begin(world(scene, rows=2), [0.5, 2.0]) for _ in "ab")
    before = many.read()
    for force in OTHERS[:3]:
        many.step(np.array([force, (np.nan, np.inf)]), np.array([True, False]))  # nor is their command looked at
    after = many.read()
    assert after["poses"][1].tobytes() == before["poses"][1].tobytes() and not after["force"][1].any()
    assert (after["poses"][0] != before["poses"][0]).any()
    assert onward(many, FORCES, 1).tobytes() == onward(whole, FORCES, 1).tobytes()  # as if there had been no pause


def test_a_reset_of_some_rows_leaves_the_others():
    many, whole = (begin(world(rows=2), [0.5, 2.0]) for _ in "ab")
    for one in (many, whole):
        onward(one, OTHERS[:4])
    before = many.read()
    begin(many, [1.0], [0])
    assert many.read()["poses"][1].tobytes() == before["poses"][1].tobytes()
    assert onward(many, FORCES, 1).tobytes() == onward(whole, FORCES, 1).tobytes()


# States.


@both_fidelities
def test_continues_exactly_from_a_state(scene, tmp_path):
    one = begin(world(scene, rows=2, renderer=renderer(1)), [0.5, 2.0])
    onward(one, OTHERS[:6])
    begin(one, [1.0], [1])  # so that the rows are not as far
    onward(one, OTHERS[:3], 1)
    checkpoint.save(tmp_path / "state.pt", one.get_state())  # as plain arrays, lists and numbers
    now = one.read()
    after = np.array([onward(one, FORCES, row) for row in range(2)])
    for other in (one, world(scene, rows=2, renderer=renderer(1))):
        other.set_state(checkpoint.load(tmp_path / "state.pt"))
        for name, values in other.read().items():
            assert values.tobytes() == now[name].tobytes(), name
        assert np.array([onward(other, FORCES, row) for row in range(2)]).tobytes() == after.tobytes()


def test_a_state_does_not_change_later():
    one = begin(world(), [0.5])
    onward(one, OTHERS[:3])
    state, now = one.get_state(), poses(one)
    onward(one, FORCES)
    begin(one, [2.0])
    one.set_state(state)
    assert poses(one).tobytes() == now.tobytes()


# What it refuses.


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_force_that_is_not_finite_is_refused(bad):
    many = begin(world(rows=2), [0.5, 2.0])
    before = poses(many)
    with pytest.raises(BadInput, match="force .*not finite") as caught:
        many.step(np.array([[10.0, 10.0], [0.0, bad]]))
    assert "\n" not in str(caught.value)
    assert poses(many).tobytes() == before.tobytes()  # no row has moved


def test_why_an_episode_cannot_start_there():
    one = world()
    assert one.why_not(np.array([0.0])) is None and one.why_not(np.array([-7.5])) is None
    for wrong in (np.zeros(0), np.zeros(2), np.zeros((1, 1)), np.array(1.0), np.array([np.nan]), np.array([np.inf])):
        assert "one finite angle" in one.why_not(wrong) and "\n" not in one.why_not(wrong)
