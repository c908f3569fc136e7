"""Grippers: their boxes as a mesh."""

import numpy as np
import pytest
import trimesh

from control_bench.grasping.gripper import GRIPPERS


@pytest.mark.parametrize("gripper", GRIPPERS.values(), ids=lambda gripper: gripper.name)
@pytest.mark.parametrize("width", [0.0, 0.03])
def test_the_mesh_is_closed_faces_outward_and_fills_the_boxes(gripper, width):
    mesh = trimesh.Trimesh(*gripper.mesh(width), process=False)
    boxes = gripper.boxes(width)
    pieces = mesh.split()
    assert mesh.is_watertight and len(pieces) == 3
    for piece, (low, high) in zip(pieces, boxes, strict=True):
        np.testing.assert_allclose(piece.bounds, [low, high], atol=1e-15)
        assert piece.volume == pytest.approx(np.prod(high - low))  # below 0, were it turned inside out
