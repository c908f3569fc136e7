"""grasp and bin: the table with the objects and the hand, shaded by the slopes that one who stands there would see."""

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from control_bench.bench.pictures.base import SIZE, Picture
from control_bench.grasping.camera import Camera, Intrinsics, Viewpoint
from control_bench.grasping.command import NO_GRASP, from_above
from control_bench.grasping.objects import load_object
from control_bench.tasks.grasp import Grasp
from control_bench.worlds.phase import Phase

FINE = 2
"""Edges are smooth as every pixel is the mean of so many by so many."""
LENS = Intrinsics(1.5 * SIZE * FINE, 1.5 * SIZE * FINE, SIZE * FINE / 2, SIZE * FINE * 0.68, SIZE * FINE, SIZE * FINE)
VIEW = Viewpoint.around(0.85, -0.6, 0.9)
LIGHT = np.array([-0.35, -0.8, -0.6])
"""Towards the light, in the optical frame."""
TABLE, HAND = (236, 236, 232), (96, 108, 128)
OBJECTS = ((214, 158, 78), (120, 164, 128), (110, 148, 190), (190, 120, 120), (160, 140, 190))
EDGE = 0.004
"""m of depth from one pixel to the next that are an edge, not a slope."""


class GraspPicture(Picture):
    """The hand is drawn as the boxes that planning knows it by: where it is, or, as a grasp in one go has no picture on
    its way, where it is sent."""

    of = Grasp
    reads = ("hand", "phase", "objects", "left", "held", "command")
    won = ("held", "emptied")

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self._camera, self._all_the_way = Camera(LENS, VIEW), task.settings.closed_loop

    def draw(self, moment: int) -> Image.Image:
        depth, body = self._camera.render_shapes(self._shapes(moment))
        colours = np.array([TABLE, HAND, *OBJECTS], dtype=float)
        picture = colours[np.where(body > 1, 2 + (body - 2) % len(OBJECTS), body)] * _shade(depth, body)[..., None]
        picture[depth <= 0.0] = 255.0
        return Image.fromarray(picture.clip(0, 255).astype(np.uint8)).reduce(FINE)

    def _shapes(self, moment: int):
        """Vertices in the world, faces, and which body each is: 1 the hand, from 2 the objects."""
        x, y, z, yaw, width = self.readings["hand"][moment]
        command = self._command(moment)
        if not self._all_the_way and command[4] >= 0:
            (x, y, z, yaw), width = command[:4], self.task.gripper.opening
        corners, faces = self.task.gripper.mesh(width)
        yield from_above(yaw).apply(corners) + [x, y, z], faces, 1
        for place, told in enumerate(self.readings["objects"][moment]):
            if told[0] >= 0:
                obj = load_object(self.task.names[int(told[0])])
                yield obj.vertices @ Rotation.from_quat(told[4:]).as_matrix().T + told[1:4], obj.faces, 2 + place

    def _command(self, moment: int) -> np.ndarray:
        """The last one, or in one go the next."""
        commands = self.readings["command"]
        if self._all_the_way:
            return commands[moment]
        return commands[moment + 1] if moment + 1 < len(commands) else NO_GRASP

    def facts(self, moment: int) -> dict[str, str]:
        quality, phase = self._command(moment)[4], Phase(int(self.readings["phase"][moment]))
        return {
            "hand": phase.name.lower() if self._all_the_way or quality < 0 else "is sent",
            "quality": f"{quality:.2f}" if quality >= 0 else "-",
            "objects left": str(int(self.readings["left"][moment])),
        }


def _shade(depth: np.ndarray, bodies: np.ndarray) -> np.ndarray:
    """How bright each pixel (height, width) is, by the slope that the depths around it have."""
    down, right = np.gradient(depth)
    # A surface z(x, y) in front of a pinhole camera has this normal towards it.
    normal = np.stack([right * LENS.fx / depth.clip(0.1), down * LENS.fy / depth.clip(0.1), -np.ones_like(depth)])
    facing = np.einsum("ihw,i->hw", normal / np.linalg.norm(normal, axis=0), LIGHT / np.linalg.norm(LIGHT))
    edges = (np.abs(down) + np.abs(right) > EDGE) & (bodies > 0)
    return np.where(edges, 0.45, 0.5 + 0.5 * facing.clip(0.0))
