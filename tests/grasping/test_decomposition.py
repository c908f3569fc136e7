"""Convex parts: convex they are, and together they fill what they were cut from and little else."""

import numpy as np
import pytest
import trimesh
from grasp_shapes import L_CORNERS, extruded

from control_bench.grasping.decomposition import convex_parts

L = extruded(L_CORNERS, 0.02)
BOX = trimesh.creation.box((0.03, 0.02, 0.01))


def inside(part, points, by=0.0):
    """Which points (n,) are so deep inside a convex part, by the planes of its faces."""
    return ((points[:, None] - part.triangles_center) * part.face_normals).sum(axis=2).max(axis=1) <= -by


def in_l(points, by=0.0):
    """Which points are so deep inside the L; by < 0 for those that are so near to it."""
    x, y, z = points.T
    level = (z >= by) & (z <= 0.02 - by) & (x >= by) & (y >= by)
    return level & (((x <= 0.06 - by) & (y <= 0.02 - by)) | ((x <= 0.02 - by) & (y <= 0.06 - by)))


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_an_l_is_cut_into_convex_parts_that_fill_it(scale, capfd):
    parts = [part.apply_scale(1.0 / scale) for part in convex_parts(L.copy().apply_scale(scale))]
    assert capfd.readouterr() == ("", "")  # V-HACD tells much of itself
    assert len(parts) >= 2
    for part in parts:
        assert part.is_watertight and part.volume > 0.0
        assert inside(part, part.vertices, by=-1e-9).all()
    points = np.random.default_rng(0).uniform((-0.01, -0.01, -0.01), (0.07, 0.07, 0.03), (4000, 3))
    filled = np.any([inside(part, points) for part in parts], axis=0)
    assert filled[in_l(points, 0.001)].all()
    assert not filled[~in_l(points, -0.001)].any()
    assert sum(part.volume for part in parts) == pytest.approx(L.volume, rel=0.05)


def test_a_convex_piece_stays_as_it_is():
    (part,) = convex_parts(BOX)
    np.testing.assert_allclose(np.unique(part.vertices, axis=0), np.unique(BOX.vertices, axis=0), atol=1e-12)


def test_pieces_stay_apart_and_only_the_concave_are_cut():
    several = [BOX.copy().apply_translation((0.1 * i, 0.0, 0.0)) for i in range(3)]
    assert len(convex_parts(trimesh.util.concatenate(several))) == 3
    parts = convex_parts(trimesh.util.concatenate([*several, L.copy().apply_translation((0.0, 0.2, 0.0))]))
    whole = [part for part in parts if part.centroid[1] < 0.1]
    assert len(parts) >= 3 + 2 and len(whole) == 3
    np.testing.assert_allclose([part.volume for part in whole], BOX.volume)


def test_an_inside_out_piece_is_as_solid():
    turned = BOX.copy()
    turned.invert()
    (part,) = convex_parts(turned)
    assert part.volume == pytest.approx(BOX.volume)


def test_what_is_flat_or_dust_is_left_out():
    sheet = trimesh.Trimesh([(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0), (0.1, 0.1, 0)], [(0, 1, 2), (1, 3, 2)])
    dust = trimesh.creation.box((0.00009, 0.00009, 0.00009)).apply_translation((0.2, 0.0, 0.0))
    assert convex_parts(sheet) == [] and convex_parts(dust) == []
    (part,) = convex_parts(trimesh.util.concatenate([sheet, dust, BOX]))
    assert part.volume == pytest.approx(BOX.volume)
