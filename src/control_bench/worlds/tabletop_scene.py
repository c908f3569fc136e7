"""One table with objects on it and a hand above, in pybullet, and what a depth camera sees of it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from control_bench.dynamics.bullet import Bullet, pybullet, quiet
from control_bench.grasping.camera import Camera
from control_bench.grasping.meshes import ObjectMesh
from control_bench.worlds.grasp_motion import GraspMotion
from control_bench.worlds.hands import PHYSICS_STEP, make_hand, prepare

SETTLING = 2.0
"""s that objects are given to come to rest, at most."""
AT_REST = 0.005
"""m/s and rad/s: slower is at rest."""
FALLING = 24
"""Steps of physics after which what is slow is at rest, and has not just begun to fall."""
AWAY = 0.3
"""m from the table's middle, along x or y: what has rolled there is out of reach, and nobody's any more."""
LIFTED = 0.1
"""m: what hangs in the hand so high is off the table."""
HAND = 1000
"""What a picture's pixels are marked with that show the hand; those of objects by their place in the start, from 1."""


@dataclass(frozen=True)
class Placement:
    """An object at the start: rotation (3, 3) and position (3,), m, of its centre of mass."""

    obj: ObjectMesh
    rotation: np.ndarray
    position: np.ndarray


class TabletopScene:
    """One table, in a pybullet of its own that is made anew for every episode, so that each is the same to the last bit
    wherever and after whatever it is played.

    Args:
        hand: its name. friction: between hand and objects, which have 1; objects on the table have this too.
        mass: of an object, kg.
    """

    def __init__(self, hand: str, friction: float, mass: float) -> None:
        self._hand_name, self._friction, self._mass = hand, friction, mass
        self.bullet = Bullet()
        self.bodies: list[int | None] = []

    def reset(self, placements: Sequence[Placement]) -> None:
        """Puts objects down one after the other, each from where it is told or from above those that lie there."""
        bullet = self.bullet
        bullet.resetSimulation()
        prepare(bullet)
        bullet.setPhysicsEngineParameter(enableFileCaching=0)  # no file is read twice
        table = bullet.createMultiBody(0.0, bullet.createCollisionShape(pybullet.GEOM_PLANE))
        bullet.changeDynamics(table, -1, lateralFriction=self._friction)
        self.hand = make_hand(self._hand_name, bullet, self._friction)
        self.motion = GraspMotion(self.hand)
        self.placements, self.bodies = list(placements), []
        top = 0.0
        for placement in placements:
            body = self._add(placement, top)
            self.bodies.append(body)
            self.settle()
            top = max(top, bullet.getAABB(body)[1][2])

    def _add(self, placement: Placement, top: float) -> int:
        bullet, turned = self.bullet, Rotation.from_matrix(placement.rotation).as_quat()
        position = placement.position + [0.0, 0.0, top]
        with tempfile.NamedTemporaryFile("w", suffix=".obj") as file, quiet(1, 2):
            file.write(_parts_as_obj(placement.obj))
            file.flush()
            shape = bullet.createCollisionShape(pybullet.GEOM_MESH, fileName=file.name)
            body = bullet.createMultiBody(self._mass, shape, basePosition=position, baseOrientation=turned)
        bullet.changeDynamics(body, -1, lateralFriction=1.0, linearDamping=0.0, angularDamping=0.0)
        return body

    def settle(self) -> None:
        """Until all objects are at rest, or have had time enough."""
        for step in range(round(SETTLING / PHYSICS_STEP)):
            self.bullet.stepSimulation()
            there = [body for body in self.bodies if body is not None]
            if step >= FALLING and all(np.abs(self.bullet.getBaseVelocity(body)).max() < AT_REST for body in there):
                break

    def poses(self) -> np.ndarray:
        """Of the objects (k, 7): x y z, m, and quaternion x y z w; NaN of those that are gone."""
        poses = np.full((len(self.bodies), 7), np.nan)
        for number, body in enumerate(self.bodies):
            if body is not None:
                position, turned = self.bullet.getBasePositionAndOrientation(body)
                poses[number] = *position, *turned
        return poses

    def shift(self, number: int, by: Sequence[float]) -> None:
        """Moves an object (2,), m, along the table, as somebody's hand might."""
        position, turned = self.bullet.getBasePositionAndOrientation(self.bodies[number])
        moved = position[0] + by[0], position[1] + by[1], position[2]
        self.bullet.resetBasePositionAndOrientation(self.bodies[number], moved, turned)
        self.bullet.resetBaseVelocity(self.bodies[number], (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def held(self) -> int | None:
        """Which object the hand holds off the table."""
        for number, body in enumerate(self.bodies):
            if body is not None and self.hand.holds(body):
                if self.bullet.getBasePositionAndOrientation(body)[0][2] > LIFTED:
                    return number
        return None

    def take_away(self, number: int) -> None:
        """An object that was grasped, or has rolled away, is there no longer."""
        self.bullet.removeBody(self.bodies[number])
        self.bodies[number] = None

    def lost(self) -> list[int]:
        """The objects that have left the table."""
        poses = self.poses()
        return [int(n) for n in np.flatnonzero(np.abs(poses[:, :2]).max(axis=1, initial=0.0) > AWAY)]

    def see(self, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """The camera's picture without noise (height, width), m, and which object, or HAND, each pixel shows."""
        shapes = [(*shape, HAND) for shape in self.hand.shapes()]
        for number, (placement, pose) in enumerate(zip(self.placements, self.poses(), strict=True)):
            if self.bodies[number] is not None:
                turned = Rotation.from_quat(pose[3:]).as_matrix()
                shapes.append((placement.obj.vertices @ turned.T + pose[:3], placement.obj.faces, number + 1))
        return camera.render_shapes(shapes)


def _parts_as_obj(obj: ObjectMesh) -> str:
    """Its convex parts, each an object of an OBJ file, which Bullet takes for the hulls of one body."""
    lines, count = [], 1
    for number, part in enumerate(obj.parts):
        lines += [f"o part_{number}", *(f"v {x!r} {y!r} {z!r}" for x, y, z in part.tolist())]
        # Bullet makes a hull of the corners that faces name: any faces that name them all will do.
        ring = [*range(len(part)), 0, 1]
        lines += [f"f {count + a} {count + b} {count + c}" for a, b, c in zip(ring, ring[1:], ring[2:], strict=False)]
        count += len(part)
    return "\n".join(lines) + "\n"
