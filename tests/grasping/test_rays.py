"""Rays onto objects: the first face that each meets, by brute force."""

import numpy as np
import pytest
from grasp_shapes import box, first_crossing, hull

from control_bench.grasping.objects import load_object
from control_bench.grasping.rays import Rays, rays_onto


def bundle(count, seed, about=0.03):
    rng = np.random.default_rng(seed)
    origins, targets = rng.normal(0.0, about, (2, count, 3))
    directions = targets - origins
    return origins, directions / np.linalg.norm(directions, axis=1, keepdims=True)


@pytest.mark.parametrize("make", [lambda: hull(3), lambda: load_object("random/002"), lambda: load_object("mug")])
@pytest.mark.parametrize("reach", [0.03, 1.0])
def test_the_first_face_is_the_one_that_brute_force_finds(make, reach):
    obj = make()
    origins, directions = bundle(1000, seed=0)  # some of them begin inside
    face, way = Rays(obj).first(origins, directions, reach)
    expected, expected_way = first_crossing(obj.triangles, origins, directions, reach)
    hit = expected >= 0
    assert 50 < hit.sum() < 1000
    assert np.count_nonzero((face >= 0) != hit) <= 1
    both = hit & (face >= 0)
    np.testing.assert_allclose(way[both], expected_way[both], atol=2e-6)
    # Which face it is of several that share the point is not told; it is one of them.
    normals, corners = obj.normals[face[both]], obj.triangles[face[both], 0]
    over = np.einsum("nk,nk->n", corners - origins[both] - way[both, None] * directions[both], normals)
    np.testing.assert_allclose(over, 0.0, atol=2e-6)


def test_nothing_is_met_beyond_the_reach():
    rays, origins = Rays(box(0.02, 0.02, 0.02)), np.array([[0.05, 0.001, 0.002]] * 2)
    directions = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    face, way = rays.first(origins, directions, 0.0401)
    assert face[0] >= 0 and way[0] == pytest.approx(0.04, abs=1e-7) and face[1] == -1
    face, way = rays.first(origins, directions, 0.0399)
    assert face.tolist() == [-1, -1] and way == pytest.approx(0.0399)


def test_an_objects_rays_are_made_once():
    one, other = box(0.02, 0.02, 0.02), box(0.02, 0.02, 0.02)
    assert rays_onto(one) is rays_onto(one) is not rays_onto(other)


def test_thousands_of_objects_can_be_kept():
    # A device of embree's own for each crashed the process at some thousand.
    obj = box(0.03, 0.04, 0.05)
    many = [Rays(obj) for _ in range(3000)]
    face, way = many[-1].first(np.array([[-0.1, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]]), 0.2)
    assert face[0] >= 0 and way[0] == pytest.approx(0.085, abs=1e-6)
