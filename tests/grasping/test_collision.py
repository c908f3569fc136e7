"""Whether a gripper comes down freely: by other geometry, on prisms and on random convex objects."""

import numpy as np
import pytest
from grasp_shapes import box, extruded, hull, lying, solid
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

from control_bench.grasping.collision import collision_free
from control_bench.grasping.grasps import Grasps
from control_bench.grasping.gripper import GRIPPERS
from control_bench.grasping.objects import load_object

WSG = GRIPPERS["wsg50"]
every_gripper = pytest.mark.parametrize("gripper", GRIPPERS.values(), ids=GRIPPERS)


def placed(obj, pose=None):
    pose = pose or lying(obj)
    return obj.triangles @ pose.rotation.T + [0.0, 0.0, pose.height]


def drawn(count, seed, reach=0.06, low=0.0, high=0.08):
    rng = np.random.default_rng(seed)
    return Grasps(rng.uniform((-reach, -reach, low), (reach, reach, high), (count, 3)), rng.uniform(0, np.pi, count))


def shafts(gripper, centre, angle, margin):
    """Of both fingers and the palm: the four corners in the plane, and how low it comes. By the gripper's figures."""
    thickness, breadth, length = gripper.finger
    half, far = gripper.opening / 2.0 - margin, gripper.opening / 2.0 + thickness + margin
    across = breadth / 2.0 + margin
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    rectangles = [
        (half, far, across, centre[2] - gripper.reach),
        (-far, -half, across, centre[2] - gripper.reach),
        (-gripper.palm[0] / 2.0, gripper.palm[0] / 2.0, gripper.palm[1] / 2.0, centre[2] - gripper.reach + length),
    ]
    for low, high, wide, bottom in rectangles:
        corners = np.array([(low, -wide), (high, -wide), (high, wide), (low, wide)])
        yield corners @ turn + centre[:2], bottom


def apart(one, other):
    """Whether two convex polygons share no inner point: some edge of one has the other all on its outer side."""
    for polygon, rest in ((one, other), (other, one)):
        edges = np.roll(polygon, -1, axis=0) - polygon
        outward = np.column_stack([edges[:, 1], -edges[:, 0]])
        beyond = np.einsum("ek,erk->er", outward, rest - polygon[:, None])
        if (beyond >= 0.0).all(axis=1).any():
            return True
    return False


@every_gripper
@pytest.mark.parametrize("margin", [0.0, 0.002, 0.01])
def test_over_prisms_it_is_free_where_rectangles_miss_the_outline_or_end_above(gripper, margin):
    rng, free, expected = np.random.default_rng(1), [], []
    for number in range(12):
        outline = rng.normal(0.0, 0.02, (9, 2))
        outline = outline[ConvexHull(outline).vertices]
        height = rng.uniform(0.01, 0.08)
        triangles = extruded(outline, height).triangles
        grasps = drawn(60, number)
        free += collision_free(triangles, grasps, gripper, margin).tolist()
        for centre, angle in zip(grasps.centres, grasps.angles, strict=True):
            boxes = shafts(gripper, centre, angle, margin)
            expected.append(all(bottom >= height or apart(corners, outline) for corners, bottom in boxes))
    assert free == expected and 60 < sum(free) < 600


def meets(obj, pose, corners, bottom):
    """Whether a shaft, up from the bottom, and a convex object share inner points: a linear program of the deepest."""
    normals = obj.normals @ pose.rotation.T
    triangles = placed(obj, pose)
    edges = np.roll(corners, -1, axis=0) - corners
    outward = np.column_stack([edges[:, 1], -edges[:, 0], np.zeros(4)]) / np.linalg.norm(edges, axis=1)[:, None]
    planes = np.vstack([normals, outward, [(0.0, 0.0, -1.0)]])
    limits = np.concatenate(
        [np.einsum("fk,fk->f", normals, triangles[:, 0]), np.einsum("ek,ek->e", outward[:, :2], corners), [-bottom]]
    )
    found = linprog(
        [0, 0, 0, -1], np.column_stack([planes, np.ones(len(planes))]), limits, bounds=[(None, None)] * 3 + [(-1, 1)]
    )
    return found.x[3] > 0.0


@pytest.mark.parametrize("seed", range(3))
def test_over_convex_objects_it_is_free_where_no_point_is_in_both(seed):
    obj = hull(seed, 0.06)
    pose = obj.stable_poses[0]
    grasps = drawn(100, seed, reach=0.03, low=0.005, high=0.05)
    free = collision_free(placed(obj, pose), grasps, WSG, 0.002)
    expected = [
        not any(meets(obj, pose, *shaft) for shaft in shafts(WSG, centre, angle, 0.002))
        for centre, angle in zip(grasps.centres, grasps.angles, strict=True)
    ]
    assert free.tolist() == expected and 10 < free.sum() < 90


def test_over_any_object_no_point_of_its_surface_is_in_the_way_of_what_is_free():
    obj = load_object("mug")
    rng = np.random.default_rng(0)
    faces = rng.choice(len(obj.faces), 30_000, p=obj.areas / obj.areas.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), len(faces))
    for pose in obj.stable_poses[:1]:
        grasps = drawn(120, 3, reach=0.08, low=0.015, high=0.12)
        free = collision_free(placed(obj, pose), grasps, WSG, 0.0)
        points, deep = np.einsum("nc,nck->nk", weights, placed(obj, pose)[faces]), []
        for centre, angle in zip(grasps.centres, grasps.angles, strict=True):
            inside = 0
            for corners, bottom in shafts(WSG, centre, angle, 0.0):
                edges = np.roll(corners, -1, axis=0) - corners
                away = points[:, None, :2] - corners
                within = (edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0] > 0.0).all(axis=1)
                inside += np.count_nonzero(within & (points[:, 2] > bottom))
            deep.append(inside)
        deep = np.array(deep)
        assert (deep[free] == 0).all() and 15 < free.sum() < 105
        assert np.count_nonzero(deep[~free] == 0) <= 3  # the points are not everywhere


def grasp_at(x, y, z, angle=0.0):
    return Grasps(np.array([[x, y, z]]), np.array([angle]))


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, 3.0])
def test_fingers_keep_their_margin_to_either_side(angle):
    cube = placed(box(0.04, 0.04, 0.04))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    # The jaws are 25 mm from the middle, the cube's sides 20 mm; a finger is 20 mm broad and the cube ends at 20 mm.
    for margin, free in ((0.0049, True), (0.0051, False)):
        assert collision_free(cube @ turn.T, grasp_at(0, 0, 0.03, angle), WSG, margin).tolist() == [free]
    beside = turn @ [0.025, 0.035, 0.0]  # one finger is beyond the cube's edge, 5 mm from it
    for margin, free in ((0.0049, True), (0.0051, False)):
        assert collision_free(cube @ turn.T, grasp_at(*beside[:2], 0.03, angle), WSG, margin).tolist() == [free]


def test_the_palm_stays_above_the_object_without_a_margin():
    tall = placed(box(0.02, 0.02, 0.1))
    depth = WSG.finger[2] - WSG.reach  # from the palm to the grip point
    for height, free in ((0.1 - depth + 1e-4, True), (0.1 - depth - 1e-4, False)):
        for margin in (0.0, 0.004):
            assert collision_free(tall, grasp_at(0, 0, height), WSG, margin).tolist() == [free]


def test_fingertips_stay_above_what_they_would_land_on():
    plate = placed(box(0.2, 0.2, 0.01))
    for height, free in ((0.01 + WSG.reach + 1e-6, True), (0.01 + WSG.reach - 1e-6, False)):
        assert collision_free(plate, grasp_at(0, 0, height), WSG, 0.002).tolist() == [free]


def test_nothing_is_in_the_way_of_nothing():
    grasps = drawn(5, 0)
    assert collision_free(np.empty((0, 3, 3)), grasps, WSG, 0.002).tolist() == [True] * 5
    cube = placed(solid(extruded(np.array([(0, 0), (0.03, 0), (0.03, 0.03), (0, 0.03)]), 0.03)))
    assert collision_free(cube, grasps[:0], WSG, 0.002).shape == (0,)
