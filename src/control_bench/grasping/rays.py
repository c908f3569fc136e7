"""What rays meet of an object: embree, asked for thousands at once."""

from functools import cache, lru_cache

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene

from control_bench.grasping.meshes import ObjectMesh


@cache
def _device() -> EmbreeDevice:
    """One for all: embree crashes where a process has some thousand."""
    return EmbreeDevice()


class Rays:
    """Rays onto one object, in its own frame."""

    def __init__(self, obj: ObjectMesh) -> None:
        self._scene = EmbreeScene(_device())
        TriangleMesh(self._scene, obj.triangles.astype(np.float32))

    def first(self, origins: np.ndarray, directions: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """The first face (n,) that rays (n, 3) of unit directions meet within so many m, -1 where none, and how far
        (n,) it is."""
        limits = np.full(len(origins), reach, np.float32)
        hits = self._scene.run(origins.astype(np.float32), directions.astype(np.float32), dists=limits, output=True)
        return hits["primID"], hits["tfar"]


@lru_cache(maxsize=2048)
def rays_onto(obj: ObjectMesh) -> Rays:
    """The object's, made once."""
    return Rays(obj)
