"""The generative model of Dex-Net 2.0: objects, poses, cameras, grasps, and what becomes of them.

Source: Mahler et al. 2017 (RSS), its supplement, and the published code's settings where the paper has none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from control_bench.errors import BadInput
from control_bench.grasping.camera import PRIMESENSE, Camera, Viewpoint
from control_bench.grasping.crops import angle_between, crops
from control_bench.grasping.grasps import Grasps, antipodal, anywhere, shaken
from control_bench.grasping.gripper import Gripper, gripper_of
from control_bench.grasping.meshes import ObjectMesh
from control_bench.grasping.objects import load_object
from control_bench.grasping.quality import Uncertainty, contacts, reachable, robust_epsilon, robust_force_closure
from control_bench.grasping.stable_poses import StablePose, draw_pose
from control_bench.settings import require, require_positive

KINDS = ("antipodal", "shaken", "anywhere")
TRIES = 12
"""Points drawn on an object for every antipodal grasp that is wanted."""
ROUNDS = 3
"""Of drawing, as in Dex-Net's sampler, before an image has fewer grasps than wanted, or another takes its place."""


@dataclass(frozen=True)
class ExampleSettings(Uncertainty):
    """What examples are drawn from; see Uncertainty for what labels are.

    Attributes:
        gripper: by name. per_image: grasps of one object in one pose, seen by one camera.
        sampling_friction: of antipodal grasps. antipodal, shaken: the shares of antipodal grasps, and of such that were
            shifted and turned; the rest lie anywhere about the object, as a planner that asks of every pixel will ask.
        shift (m), turn (rad): standard deviations of those.
        margin: around an object's bounding box where grasps lie anywhere, m.
        spread: the object's middle lies within so many m of the table's, along x and y.
        near, far: m, of the camera from the table's middle. steep, flat: rad, of its axis from the vertical.
    """

    gripper: str = "wsg50"
    per_image: int = 20
    sampling_friction: float = 0.6
    antipodal: float = 0.5
    shaken: float = 0.25
    shift: float = 0.01
    turn: float = 0.2
    margin: float = 0.02
    spread: float = 0.1
    near: float = 0.65
    far: float = 0.75
    steep: float = 0.05 * math.pi
    flat: float = 0.1 * math.pi

    def __post_init__(self) -> None:
        super().__post_init__()
        gripper_of(self.gripper)
        require_positive(self, "per_image", "sampling_friction", "near")
        for name in ("antipodal", "shaken", "shift", "turn", "margin", "spread", "steep"):
            require(getattr(self, name) >= 0, f"{name}: {getattr(self, name)!r} should be 0 or more")
        require(self.antipodal + self.shaken <= 1.0, "antipodal and shaken are shares: together at most 1")
        require(self.near <= self.far and self.steep <= self.flat, "near and far, steep and flat: the lesser first")
        require(self.flat < math.pi / 3.0, f"flat: {self.flat!r} should be below pi/3: the camera looks at a table")


@dataclass(frozen=True, eq=False)
class Scene:
    """An object as it lies: placed (v, 3), its corners, m, turned by yaw, rad, and shifted by place (2,), m, from how
    grasps know it; and the camera that sees it."""

    obj: ObjectMesh
    pose: StablePose
    yaw: float
    place: np.ndarray
    view: Viewpoint

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the grasps' frame, m."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        return points @ turn.T + [*self.place, 0.0]

    def depth(self) -> np.ndarray:
        """What the camera sees, without noise (height, width), m."""
        vertices = self.obj.vertices @ self.pose.rotation.T + [0.0, 0.0, self.pose.height]
        return Camera(PRIMESENSE, self.view).render(self.to_world(vertices), self.obj.faces)[0]


def draw_scene(obj: ObjectMesh, settings: ExampleSettings, rng: np.random.Generator) -> Scene:
    """An object in one of its stable poses somewhere on the table, and a camera somewhere above."""
    s = settings
    view = Viewpoint.around(rng.uniform(s.near, s.far), rng.uniform(0, 2 * np.pi), rng.uniform(s.steep, s.flat))
    pose = draw_pose(obj.stable_poses, rng)
    return Scene(obj, pose, rng.uniform(0, 2 * np.pi), rng.uniform(-s.spread, s.spread, 2), view)


def draw_grasps(
    scene: Scene, settings: ExampleSettings, gripper: Gripper, rng: np.random.Generator
) -> tuple[Grasps, np.ndarray]:
    """Grasps of an image, and of which of KINDS (n,) each is; fewer than `per_image` where the object offers fewer
    antipodal ones."""
    s, obj, pose = settings, scene.obj, scene.pose
    wanted = round(s.antipodal * s.per_image)
    wanted_shaken = min(round(s.shaken * s.per_image), s.per_image - wanted)
    found: list[Grasps] = []
    for _ in range(ROUNDS):
        found.append(antipodal(obj, pose, gripper, s.sampling_friction, TRIES * s.per_image, rng))
        if sum(map(len, found)) >= wanted + wanted_shaken:
            break
    pairs = Grasps.joined(found)
    pairs, others = pairs[:wanted], pairs[wanted : wanted + wanted_shaken]
    several = [
        pairs,
        shaken(others, gripper, s.shift, s.turn, rng),
        anywhere(obj, pose, gripper, s.margin, s.per_image - wanted - wanted_shaken, rng),
    ]
    return Grasps.joined(several), np.repeat(np.arange(len(KINDS)), [len(one) for one in several])


def draw_examples(
    names: list[str], settings: ExampleSettings, count: int, rng: np.random.Generator,
    load: Callable[[str], ObjectMesh] = load_object,
) -> dict[str, np.ndarray]:  # fmt: skip
    """So many examples, their columns by name; see `dataset.COLUMNS`."""
    gripper, images, total = gripper_of(settings.gripper), [], 0
    while total < count:
        number = int(rng.integers(len(names)))
        one = _image(load(names[number]), settings, gripper, rng)
        size = len(one["depth"])
        one |= {"object": np.full(size, number, np.int32), "image": np.full(size, len(images), np.int32)}
        images.append(one)
        total += size
        if len(images) > 100 + 100 * count:
            raise BadInput("objects: none of them has a grasp to learn from: they are wider than the gripper opens")
    return {name: np.concatenate([image[name] for image in images])[:count] for name in images[0]}


def _image(obj: ObjectMesh, s: ExampleSettings, gripper: Gripper, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The examples of one image."""
    scene = draw_scene(obj, s, rng)
    grasps, kinds = draw_grasps(scene, s, gripper, rng)
    found = contacts(obj, scene.pose, grasps, gripper, s, rng)
    reach = gripper.opening / 2.0 * grasps.axes[:, None] * np.array([[-1.0], [1.0]])
    middles = scene.view.to_camera(scene.to_world(grasps.centres))
    jaws = PRIMESENSE.project(scene.view.to_camera(scene.to_world(grasps.centres[:, None] + reach)))
    pixels, angles = PRIMESENSE.project(middles), angle_between(torch.as_tensor(jaws))
    told = (torch.as_tensor(one, dtype=torch.float32) for one in (scene.depth(), pixels, angles, middles[:, 2]))
    return {
        "crop": crops(*told, PRIMESENSE.fx).numpy().astype(np.float16),
        "depth": middles[:, 2].astype(np.float32),
        "angle": angles.numpy().astype(np.float32),
        "pixel": pixels.astype(np.float32),
        "height": grasps.centres[:, 2].astype(np.float32),
        "kind": kinds.astype(np.int8),
        "collision_free": reachable(obj, scene.pose, grasps, gripper, s.clearance),
        "force_closure": robust_force_closure(found).astype(np.float32),
        "epsilon": robust_epsilon(found).astype(np.float32),
    }
