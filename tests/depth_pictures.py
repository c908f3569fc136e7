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
    if not meshes:
        depth, body = seen_by.render(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    else:
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
        bodies = np.repeat(np.arange(len(meshes), dtype=np.int32) + 1, [len(mesh.faces) for mesh in meshes])
        vertices = np.concatenate([mesh.vertices for mesh in meshes])
        depth, body = seen_by.render(vertices, np.concatenate(faces).astype(np.int32), bodies)
    return depth.astype(np.float32), body


def seen(seen_by, *meshes):
    """The picture made ready to plan by, its table found."""
    return DepthImage.of(picture(seen_by, *meshes)[0], seen_by.intrinsics)
