"""Depth pictures of blocks on a table, as a camera sees them without noise."""

import numpy as np
import trimesh

from control_bench.grasping.camera import Camera, Intrinsics, Viewpoint
from control_bench.grasping.depth_image import DepthImage

BLOCK = (0.03, 0.06, 0.04)


def camera(height=240, width=320, focal=262.5, distance=0.7, azimuth=0.0, polar=0.2, roll=0.0):
    """Half the size of a PrimeSense's pictures, where nothing else is told."""
    intrinsics = Intrinsics(focal, focal, (width - 1) / 2.0, (height - 1) / 2.0, height, width)
    return Camera(intrinsics, Viewpoint.around(distance, azimuth, polar, roll))


def block(edges=BLOCK, x=0.0, y=0.0, yaw=0.0):
    """A block that stands on the table, turned by yaw and then put at x and y."""
    mesh = trimesh.creation.box(edges)
    mesh.apply_translation([0.0, 0.0, edges[2] / 2.0])
    mesh.apply_transform(trimesh.transformations.rotation_matrix(yaw, [0.0, 0.0, 1.0]))
    mesh.apply_translation([x, y, 0.0])
    return mesh


def picture(seen_by, *meshes):
    """Depth (height, width), m, single precision, and which of the meshes, from 1, each pixel shows."""
    shapes = [(mesh.vertices, mesh.faces.astype(np.int32), number) for number, mesh in enumerate(meshes, start=1)]
    depth, body = seen_by.render_shapes(shapes)
    return depth.astype(np.float32), body


def seen(seen_by, *meshes):
    """The picture made ready to plan by, its table found."""
    return DepthImage.of(picture(seen_by, *meshes)[0], seen_by.intrinsics)
