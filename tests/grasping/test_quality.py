"""Labels: the same draws, one by one in plain arithmetic, and what has to hold of any."""

import dataclasses

import numpy as np
import pytest
from grasp_shapes import box, first_crossing, hull, lying
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.grasping.collision import collision_free
from control_bench.grasping.epsilon import epsilon_quality
from control_bench.grasping.grasps import Grasps, antipodal, anywhere, shaken
from control_bench.grasping.gripper import GRIPPERS
from control_bench.grasping.objects import load_object
from control_bench.grasping.quality import Uncertainty, contacts, reachable, robust_epsilon, robust_force_closure

WSG = GRIPPERS["wsg50"]
CERTAIN = Uncertainty(3, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0)
FAR = Uncertainty(20, 0.4, 0.2, 0.004, 0.2, 0.003, 0.1)
"""Where each uncertainty makes a difference of its own."""


def rng(seed=0):
    return np.random.default_rng(seed)


def mixed(obj, pose, gripper, count, seed=0):
    """Grasps of every kind."""
    pairs = antipodal(obj, pose, gripper, 0.6, 30 * count, rng(seed))[:count]
    others = anywhere(obj, pose, gripper, 0.01, count, rng(2))
    return Grasps.joined([pairs, shaken(pairs, gripper, 0.01, 0.2, rng(1)), others])


def one_by_one(obj, pose, grasps, gripper, uncertain, rng):
    """Whether each draw is a closure (n, k), its epsilon quality, and how near it is to being the other."""
    u, shape = uncertain, (len(grasps), uncertain.draws)
    noise = rng.standard_normal((*shape, 11), dtype=np.float32).astype(float)
    closed, quality, clear = np.zeros(shape, bool), np.zeros(shape), np.zeros(shape)
    for grasp, draw in np.ndindex(shape):
        n = noise[grasp, draw]
        friction = min(max(u.friction + u.friction_deviation * n[10], 0.0), 1.0)
        # The object: turned about its centre of mass, then shifted. The gripper: shifted, and turned about z.
        turn = Rotation.from_rotvec(u.object_rotation * n[:3]).as_matrix() @ pose.rotation
        triangles = obj.triangles @ turn.T + [0.0, 0.0, pose.height] + u.object_translation * n[3:6]
        normals = obj.normals @ turn.T
        middle = grasps.centres[grasp] + u.gripper_translation * n[6:9]
        angle = grasps.angles[grasp] + u.gripper_rotation * n[9]
        axis = np.array([np.cos(angle), np.sin(angle), 0.0])
        ways = np.array([axis, -axis])
        origins = middle - gripper.opening / 2.0 * ways
        face, way = first_crossing(triangles, origins, ways, gripper.opening)
        if (face < 0).any():
            clear[grasp, draw] = 1.0
            continue
        lean = -np.einsum("jk,jk->j", normals[face], ways)
        least = np.cos(np.arctan(friction))
        closed[grasp, draw] = (lean >= least).all()
        clear[grasp, draw] = np.abs(lean - least).min()
        if closed[grasp, draw]:
            points, centre = origins + way[:, None] * ways, [0.0, 0.0, pose.height] + u.object_translation * n[3:6]
            # In the object's frame, as the octagons of its friction cones are laid out there.
            points, inward = (points - centre) @ turn, -normals[face] @ turn
            quality[grasp, draw] = epsilon_quality(points[None], inward[None], [friction], np.zeros((1, 3)))[0]
    return closed, quality, clear


@pytest.mark.parametrize("name", ["random/004", "duck", "hull"])
@pytest.mark.parametrize("gripper", GRIPPERS.values(), ids=GRIPPERS)
def test_labels_are_those_of_the_same_draws_one_by_one(name, gripper):
    obj = hull(5, 0.045, 40) if name == "hull" else load_object(name)
    pose = obj.stable_poses[1]
    grasps = mixed(obj, pose, gripper, 6)
    found = contacts(obj, pose, grasps, gripper, FAR, rng(7))
    closed, quality, clear = one_by_one(obj, pose, grasps, gripper, FAR, rng(7))
    assert 0.02 < closed.mean() < 0.9 and closed.size > 200
    off = found.closed != closed
    # A ray that passes an edge by less than single floats tell apart may go either way.
    assert off.sum() <= 0.01 * off.size
    same = ~off.any(axis=1)
    assert same.sum() > 0.8 * len(same)
    np.testing.assert_allclose(robust_force_closure(found)[same], closed.mean(axis=1)[same])
    np.testing.assert_allclose(robust_epsilon(found)[same], quality.mean(axis=1)[same], rtol=1e-3, atol=1e-9)


def test_a_boxs_antipodal_axis_closes_for_sure():
    obj = box(0.03, 0.03, 0.04)
    grasps = Grasps(np.array([[0.0, 0.0, 0.02], [0.01, 0.0, 0.03]]), np.array([0.0, np.pi / 2]))
    found = contacts(obj, lying(obj), grasps, WSG, CERTAIN, rng())
    np.testing.assert_array_equal(robust_force_closure(found), 1.0)
    assert (robust_epsilon(found) > 0.0).all()
    np.testing.assert_allclose(found.ways, (0.05 - 0.03) / 2.0, atol=1e-7)


@pytest.mark.parametrize("tilt", [0.2, -0.45])
def test_a_tilted_axis_closes_with_friction_above_the_tilt(tilt):
    obj = box(0.03, 0.3, 0.04)
    grasp = Grasps(np.array([[0.0, 0.0, 0.02]]), np.array([tilt]))
    for friction, closes in ((np.tan(abs(tilt)) - 0.01, 0.0), (np.tan(abs(tilt)) + 0.01, 1.0)):
        found = contacts(obj, lying(obj), grasp, WSG, dataclasses.replace(CERTAIN, friction=friction), rng())
        assert robust_force_closure(found) == [closes] and (robust_epsilon(found) > 0.0) == [closes]


def test_friction_is_at_most_1():
    obj = box(0.03, 0.3, 0.04)
    rough = dataclasses.replace(CERTAIN, friction=5.0)
    grasps = Grasps(np.tile([0.0, 0.0, 0.02], (2, 1)), np.array([np.pi / 4 - 0.01, np.pi / 4 + 0.01]))
    found = contacts(obj, lying(obj), grasps, WSG, rough, rng())
    assert robust_force_closure(found).tolist() == [1.0, 0.0]
    spread = contacts(obj, lying(obj), grasps, WSG, Uncertainty(500, 0.5, 2.0), rng()).frictions
    assert spread.min() == 0.0 and spread.max() == 1.0


def test_what_the_jaws_do_not_reach_does_not_close():
    obj = box(0.03, 0.03, 0.04)
    beside = Grasps(np.array([[0.0, 0.016, 0.02], [0.0, 0.0, 0.041], [0.011, 0.0, 0.02]]), np.zeros(3))
    found = contacts(obj, lying(obj), beside, WSG, CERTAIN, rng())
    assert robust_force_closure(found).tolist() == robust_epsilon(found).tolist() == [0.0, 0.0, 0.0]


def test_epsilon_is_that_of_the_contacts():
    obj = box(0.03, 0.03, 0.04)
    grasp = Grasps(np.array([[0.004, -0.006, 0.03]]), np.array([0.1]))
    found = contacts(obj, lying(obj), grasp, WSG, CERTAIN, rng())
    # By hand: the faces' points along the axis, from the centre of mass, which is 20 mm up.
    x = np.array([-0.015, 0.015])
    points = np.column_stack([x, -0.006 + (x - 0.004) * np.tan(0.1), np.full(2, 0.01)])
    expected = epsilon_quality(points[None], np.array([[[1.0, 0, 0], [-1.0, 0, 0]]]), [0.5], np.zeros((1, 3)))
    assert expected[0] > 0.0
    np.testing.assert_allclose(robust_epsilon(found), expected, rtol=1e-4)


def test_one_seed_labels_the_same():
    obj = load_object("duck")
    pose = obj.stable_poses[0]
    grasps = mixed(obj, pose, WSG, 10)
    one, again, other = (contacts(obj, pose, grasps, WSG, Uncertainty(), rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.closed, again.closed)
    np.testing.assert_array_equal(robust_epsilon(one), robust_epsilon(again))
    assert (one.frictions != other.frictions).all()


@pytest.mark.parametrize(
    "name", ["friction_deviation", "object_translation", "object_rotation", "gripper_translation", "gripper_rotation"]
)
def test_the_less_is_known_the_less_good_grasps_hold(name):
    """Of a cube that is held near its edges, along an axis that is tilted by less than friction holds."""
    obj = box(0.03, 0.03, 0.04)
    places = np.array([[0.0, 0.009, 0.02], [0.0, -0.009, 0.036], [0.0, 0.0, 0.015]])
    grasps = Grasps(places, np.array([0.3, -0.3, 0.35]))
    large = {"friction_deviation": 0.4, "object_rotation": 0.5, "gripper_rotation": 0.5}.get(name, 0.02)
    shares, qualities = [], []
    for factor in (0.0, 0.3, 1.0):
        uncertain = dataclasses.replace(CERTAIN, draws=3000, **{name: factor * large})
        found = contacts(obj, lying(obj), grasps, WSG, uncertain, rng())
        shares.append(robust_force_closure(found).mean())
        qualities.append(robust_epsilon(found).mean())
    assert shares[0] == 1.0 and shares[0] - 0.01 > shares[1] > shares[2] + 0.01
    assert qualities[2] < qualities[0]


def test_a_gripper_reaches_an_object_as_it_lies():
    obj = box(0.03, 0.08, 0.06)
    upright = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # 0.06 x 0.08 x 0.03
    grasp = Grasps(np.array([[0.0, 0.0, 0.02]]), np.zeros(1))
    assert reachable(obj, lying(obj), grasp, WSG, 0.002).tolist() == [True]
    assert reachable(obj, lying(obj, upright), grasp, WSG, 0.002).tolist() == [False]
    assert reachable(obj, lying(obj), grasp, WSG, 0.0101).tolist() == [False]  # 10 mm are left on either side
    assert reachable(obj, lying(obj), Grasps(np.array([[0.0, 0.0, 0.071]]), np.array([1.0])), WSG, 0.0).all()  # above


def test_a_gripper_reaches_a_turned_object_where_it_is_free_of_its_placed_triangles():
    obj = hull(5, 0.06)
    pose = obj.stable_poses[1]
    grasps = anywhere(obj, pose, WSG, 0.02, 200, rng())
    placed = obj.vertices @ pose.rotation.T
    placed[:, 2] += pose.height
    expected = collision_free(placed[obj.faces], grasps, WSG, 0.002)
    np.testing.assert_array_equal(reachable(obj, pose, grasps, WSG, 0.002), expected)
    assert 20 < expected.sum() < 180


def test_no_grasps_have_no_labels():
    obj = box(0.03, 0.03, 0.04)
    found = contacts(obj, lying(obj), Grasps(np.zeros((0, 3)), np.zeros(0)), WSG, Uncertainty(), rng())
    assert robust_force_closure(found).shape == robust_epsilon(found).shape == (0,)


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"friction": -0.1}, {"object_rotation": -1.0}, {"clearance": -0.001}])
def test_an_uncertainty_below_0_is_refused_by_its_name(wrong):
    (name,) = wrong
    with pytest.raises(BadInput, match=f"^{name}: {wrong[name]} should be"):
        Uncertainty(**wrong)
