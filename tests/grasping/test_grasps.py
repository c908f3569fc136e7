"""Grasps as they are drawn: what makes one antipodal holds of each, by fresh rays, and none goes into the table."""

import dataclasses

import numpy as np
import pytest
from grasp_shapes import box, crossings, extruded, hull, lying, solid
from hypothesis import given, settings
from hypothesis import strategies as st

from control_bench.grasping.grasps import LEAST_DISTANCE, TABLE_CLEARANCE, Grasps, antipodal, anywhere, lowest, shaken
from control_bench.grasping.gripper import GRIPPERS
from control_bench.grasping.objects import load_object
from control_bench.grasping.quality import Uncertainty, contacts

WSG = GRIPPERS["wsg50"]
FRICTION = 0.6
CERTAIN = Uncertainty(1, FRICTION, 0.0, 0.0, 0.0, 0.0, 0.0)
few = settings(deadline=None, max_examples=25)


def rng(seed=0):
    return np.random.default_rng(seed)


def lined_up(obj, pose, grasps):
    """For each grasp, whether the line along its axis meets two faces as far to one side as to the other, each with
    the axis in its friction cone; how far apart they are."""
    triangles = obj.triangles @ pose.rotation.T + [0.0, 0.0, pose.height]
    leaning = grasps.axes @ (obj.normals @ pose.rotation.T).T  # (n, f), cosines
    ways = crossings(triangles, grasps.centres, grasps.axes)
    least = np.cos(np.arctan(FRICTION)) - 1e-6
    widths = []
    for way, lean in zip(ways, leaning, strict=True):
        behind, ahead = way[(way < 0.0) & (lean <= -least)], way[(way > 0.0) & (lean >= least)]
        off = np.abs(behind[:, None] + ahead)
        if off.size and off.min() < 1e-6:
            widths.append((ahead - behind[:, None]).ravel()[off.argmin()])
        else:
            widths.append(np.nan)
    return np.array(widths)


def named(name):
    return lambda: load_object(name)


@pytest.mark.parametrize(
    "make", [lambda: hull(1, 0.045, 40), lambda: hull(2, 0.045, 60), named("random/003"), named("mug"), named("duck")]
)
@pytest.mark.parametrize("gripper", GRIPPERS.values(), ids=GRIPPERS)
def test_antipodal_grasps_meet_two_faces_within_their_friction_cones(make, gripper):
    obj, found = make(), 0
    for pose in obj.stable_poses[:3]:
        grasps = antipodal(obj, pose, gripper, FRICTION, 800, rng())
        widths = lined_up(obj, pose, grasps)
        assert (widths <= gripper.opening + 1e-9).all() and (widths >= LEAST_DISTANCE - 1e-6).all()
        assert (grasps.centres[:, 2] >= lowest(gripper)).all()
        found += len(grasps)
    assert found > 30


@pytest.mark.parametrize("seed", range(4))
def test_jaws_that_close_on_a_convex_object_meet_those_faces(seed):
    obj = hull(seed, 0.045, 60)
    pose = obj.stable_poses[0]
    grasps = antipodal(obj, pose, WSG, FRICTION, 800, rng())
    found = contacts(obj, pose, grasps, WSG, CERTAIN, rng())
    assert len(grasps) > 10 and found.closed.mean() > 0.995  # a jaw can fall on an edge
    ways = found.ways.reshape(-1, 2)
    np.testing.assert_allclose(ways[:, 0], ways[:, 1], atol=2e-6)  # the middle is between the jaws


def test_axes_are_even_in_the_friction_cone_and_points_on_the_surface():
    wall = box(0.02, 0.4, 0.2)
    grasps = antipodal(wall, lying(wall), WSG, FRICTION, 20_000, rng())
    sides = np.cos(grasps.angles)
    assert (sides > 0.0).mean() == pytest.approx(0.5, abs=0.02)  # jaws are one or the other
    lean = np.arctan(np.tan(grasps.angles))
    most = np.arctan(FRICTION)
    assert np.abs(lean).max() <= most + 1e-9
    # Nearly all of such lines leave through the other side, 20 mm further.
    middle = np.abs(grasps.centres[:, 1]) < 0.15
    assert np.histogram(lean[middle], 6, (-most, most))[0] == pytest.approx(middle.sum() / 6, rel=0.06)
    heights = grasps.centres[:, 2]
    assert np.histogram(heights, 5, (lowest(WSG), 0.2))[0] == pytest.approx(len(grasps) / 5, rel=0.06)
    np.testing.assert_allclose(grasps.centres[:, 0], 0.0, atol=1e-7)


def test_friction_decides_whether_a_wedge_is_held():
    # Its sides lean by 0.2 to either side of the axis: 11.3 degrees.
    corners = np.array([(-0.018, -0.03), (0.018, -0.03), (0.006, 0.03), (-0.006, 0.03)])
    wedge = solid(extruded(corners, 0.06))
    pose = lying(wedge)
    count = [len(antipodal(wedge, pose, WSG, friction, 4000, rng())) for friction in (0.19, 0.21, 0.6)]
    assert count[0] == 0 < count[1] < count[2]


def test_sides_that_slope_up_are_held_where_a_level_axis_is_in_the_cone():
    # A roof whose sides lean by atan(0.5) from upright.
    corners = np.array([(-0.02, 0.0), (0.02, 0.0), (0.005, 0.03), (-0.005, 0.03)])
    roof = solid(extruded(corners, 0.1))
    upright = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    pose = lying(roof, upright * [[1], [-1], [1]])
    count = [len(antipodal(roof, pose, WSG, friction, 4000, rng())) for friction in (0.49, 0.51)]
    grasps = antipodal(roof, pose, WSG, 0.51, 4000, rng())
    # Those that remain below 0.5 hold its ends, across 0.1 m: too wide.
    assert count[0] == 0 < count[1]
    np.testing.assert_allclose(np.abs(np.cos(grasps.angles)), 1.0, atol=0.03)


def test_what_is_wider_than_the_jaws_open_or_too_thin_is_not_taken():
    for width, taken in ((0.0499, True), (0.0501, False), (0.0026, True), (0.0024, False)):
        obj = box(width, 0.2, 0.2)
        assert (len(antipodal(obj, lying(obj), WSG, 0.02, 2000, rng())) > 0) == taken, width
    narrow = dataclasses.replace(WSG, narrowest=0.02)
    for width, taken in ((0.021, True), (0.019, False)):
        obj = box(width, 0.2, 0.2)
        assert (len(antipodal(obj, lying(obj), narrow, 0.02, 2000, rng())) > 0) == taken, width


def test_what_is_too_low_is_not_taken():
    low = WSG.reach + TABLE_CLEARANCE
    assert lowest(WSG) == low
    for height, taken in ((low - 0.001, False), (low + 0.002, True)):
        obj = box(0.03, 0.1, height)
        assert (len(antipodal(obj, lying(obj), WSG, FRICTION, 2000, rng())) > 0) == taken


def test_one_seed_draws_the_same():
    obj = hull(1, 0.045, 60)
    pose = obj.stable_poses[0]
    draws = (
        lambda seed: antipodal(obj, pose, WSG, FRICTION, 100, rng(seed)),
        lambda seed: shaken(antipodal(obj, pose, WSG, FRICTION, 100, rng(0)), WSG, 0.01, 0.2, rng(seed)),
        lambda seed: anywhere(obj, pose, WSG, 0.02, 30, rng(seed)),
    )
    for draw in draws:
        one, again, other = draw(1), draw(1), draw(2)
        np.testing.assert_array_equal(one.centres, again.centres)
        np.testing.assert_array_equal(one.angles, again.angles)
        assert len(one) and (len(one) != len(other) or (one.centres != other.centres).any())


def test_shaken_grasps_lie_around_theirs_as_far_as_told():
    many = Grasps(np.tile([0.1, -0.2, 0.3], (20_000, 1)), np.full(20_000, 0.4))
    near = shaken(many, WSG, 0.01, 0.2, rng())
    np.testing.assert_allclose(near.centres.mean(axis=0), (0.1, -0.2, 0.3), atol=3e-4)
    np.testing.assert_allclose(near.centres.std(axis=0), 0.01, rtol=0.03)
    assert near.angles.mean() == pytest.approx(0.4, abs=0.006) and near.angles.std() == pytest.approx(0.2, rel=0.03)
    np.testing.assert_allclose(np.corrcoef(np.column_stack([near.centres, near.angles]).T), np.eye(4), atol=0.04)
    still = shaken(many, WSG, 0.0, 0.0, rng())
    assert (still.centres == many.centres).all() and (still.angles == many.angles).all()


@few
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(GRIPPERS)), st.floats(0.001, 0.05))
def test_nothing_goes_into_the_table(seed, name, spread):
    gripper, obj = GRIPPERS[name], hull(seed % 5)
    pose = lying(obj)
    low = Grasps(np.tile([0.0, 0.0, lowest(gripper)], (50, 1)), np.zeros(50))
    heights = shaken(low, gripper, spread, 0.1, rng(seed)).centres[:, 2]
    assert heights.min() == lowest(gripper) < heights.max()
    assert (anywhere(obj, pose, gripper, spread, 50, rng(seed)).centres[:, 2] >= lowest(gripper)).all()


def test_grasps_anywhere_fill_the_objects_box_and_a_margin():
    obj = box(0.02, 0.04, 0.1)
    turn = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # now 0.04 x 0.1 x 0.02
    grasps = anywhere(obj, lying(obj, turn), WSG, 0.01, 10_000, rng())
    low, high = grasps.centres.min(axis=0), grasps.centres.max(axis=0)
    np.testing.assert_allclose(high, (0.03, 0.06, 0.03), atol=1e-4)
    np.testing.assert_allclose(low, (-0.03, -0.06, lowest(WSG)), atol=1e-4)
    counts = [np.histogram(values, 4)[0] for values in (*grasps.centres.T, grasps.angles)]
    assert np.array(counts) == pytest.approx(2500, rel=0.08)
    assert 0.0 <= grasps.angles.min() < 0.001 and np.pi - 0.001 < grasps.angles.max() <= np.pi


def test_grasps_of_what_is_flatter_than_fingers_reach_lie_as_low_as_may_be():
    obj = box(0.03, 0.03, 0.002)
    grasps = anywhere(obj, lying(obj), WSG, 0.005, 20, rng())
    np.testing.assert_allclose(grasps.centres[:, 2], lowest(WSG))


def test_grasps_are_joined_and_picked_in_order():
    one = Grasps(np.arange(6.0).reshape(2, 3), np.array([0.0, np.pi / 2]))
    both = Grasps.joined([one, Grasps(np.full((1, 3), 9.0), np.array([np.pi]))])
    assert len(both) == 3 and both.angles.tolist() == [0.0, np.pi / 2, np.pi]
    np.testing.assert_allclose(both.axes, [(1, 0, 0), (0, 1, 0), (-1, 0, 0)], atol=1e-15)
    picked = both[np.array([False, True, True])]
    assert picked.centres.tolist() == [[3.0, 4.0, 5.0], [9.0, 9.0, 9.0]] and len(both[:0]) == 0
