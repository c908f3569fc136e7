"""Meshes of objects to be grasped: read, checked, and cut into convex parts for physics."""

import xml.etree.ElementTree as xml
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from control_bench.errors import BadInput
from control_bench.grasping.decomposition import convex_parts
from control_bench.grasping.stable_poses import StablePose, stable_poses

MESHES = (".obj", ".stl", ".ply")
SMALLEST, LARGEST = 0.005, 1.0
"""m, of the largest edge of an object's bounding box: a mesh in millimetres is not taken for one in metres."""


@dataclass(frozen=True, eq=False)
class ObjectMesh:
    """A rigid object of even density, its centre of mass at the origin.

    Attributes:
        vertices (v, 3), m; faces (f, 3): triangles, seen from outside against the clock.
        parts: the convex pieces that physics is made of, each its corners (c, 3), m.
        volume: m³.
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    parts: tuple[np.ndarray, ...]
    volume: float

    @cached_property
    def triangles(self) -> np.ndarray:
        """(f, 3 corners, 3), m."""
        return self.vertices[self.faces]

    @cached_property
    def normals(self) -> np.ndarray:
        """Unit normals (f, 3) of the faces, outward."""
        a, b, c = self.triangles.transpose(1, 0, 2)
        across = np.cross(b - a, c - a)
        return across / np.linalg.norm(across, axis=1, keepdims=True)

    @cached_property
    def areas(self) -> np.ndarray:
        """Of the faces (f,), m²."""
        a, b, c = self.triangles.transpose(1, 0, 2)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0

    @cached_property
    def stable_poses(self) -> tuple[StablePose, ...]:
        """How it lies on a table, the most probable first."""
        return stable_poses(self.vertices, self.faces, self.name)

    @cached_property
    def size(self) -> np.ndarray:
        """Edges (3,) of the bounding box, m."""
        return np.ptp(self.vertices, axis=0)


def read_object(path: str | Path, scale: float = 1.0, name: str | None = None) -> ObjectMesh:
    """An object from an OBJ, STL, PLY or URDF file, in metres after scaling; BadInput names a file that is none."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise BadInput(f"{path}: no such file: name a mesh ({', '.join(MESHES)}) or a URDF")
    if path.suffix.lower() == ".urdf":
        mesh, collision = _read_urdf(path)
    elif path.suffix.lower() in MESHES:
        mesh = collision = _read_mesh(path)
    else:
        raise BadInput(f"{path}: '{path.suffix}' is no mesh that we read: give {', '.join(MESHES)} or .urdf")
    return make_object(mesh, scale, name or path.stem, path, collision)


def make_object(
    mesh: trimesh.Trimesh, scale: float, name: str, where: Path | str, collision: trimesh.Trimesh | None = None
) -> ObjectMesh:
    """Of a mesh, and one to take physics' parts from; where: what an error names.

    A surface that is not closed can't tell inside from outside, so its convex parts' surface takes its place.
    """
    mesh = mesh.copy()
    mesh.apply_scale(scale)
    mesh.update_faces(mesh.nondegenerate_faces())
    if not len(mesh.faces) or not np.isfinite(mesh.vertices).all():
        raise BadInput(f"{where}: holds no triangles with finite corners: export it as a triangle mesh")
    largest = float(np.ptp(mesh.vertices, axis=0).max())
    if not SMALLEST <= largest <= LARGEST:
        raise BadInput(
            f"{where}: it is {largest:.3g} m large, not {SMALLEST:g} to {LARGEST:g} m: scale it "
            f"(a mesh in millimetres by 0.001)"
        )
    source = mesh if collision is None else collision.copy().apply_scale(scale)
    parts = convex_parts(source)
    if not parts:
        raise BadInput(f"{where}: has no volume: close its surface")
    if not mesh.is_watertight:
        mesh = trimesh.util.concatenate([part.copy() for part in parts])
    else:
        trimesh.repair.fix_normals(mesh, multibody=False)  # a hollow stays one
    volumes = np.array([part.volume for part in parts])
    centre = np.average([part.center_mass for part in parts], axis=0, weights=volumes)
    return ObjectMesh(
        name,
        np.asarray(mesh.vertices - centre, dtype=float),
        np.asarray(mesh.faces, dtype=np.int32),
        tuple(np.asarray(part.vertices - centre) for part in parts),
        float(volumes.sum()),
    )


def _read_mesh(path: Path) -> trimesh.Trimesh:
    try:
        # Not processed, which would leave out corners that are no numbers, and what hangs on them.
        mesh = trimesh.load(path, force="mesh", skip_materials=True, process=False)
    except Exception:  # readers of damaged files raise whatever they stumble over, and it tells nobody anything
        raise BadInput(f"{path}: can't be read as a mesh: it is damaged, or of another kind: export it again") from None
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        raise BadInput(f"{path}: holds no triangles: export it as a triangle mesh")
    if not np.isfinite(mesh.vertices).all():
        raise BadInput(f"{path}: has corners that are no numbers: export it again")
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def _read_urdf(path: Path) -> tuple[trimesh.Trimesh, trimesh.Trimesh]:
    """What a URDF of one link shows, and what it collides with."""
    try:
        links = xml.parse(path).getroot().findall("link")
    except (OSError, xml.ParseError) as error:
        raise BadInput(f"{path}: not a URDF ({error})") from None
    if len(links) != 1:
        raise BadInput(f"{path}: has {len(links)} links: an object has one")
    shown, hard = (_read_geometry(path, links[0].findall(kind)) for kind in ("visual", "collision"))
    if shown is None and hard is None:
        raise BadInput(f"{path}: shows no shape: give its link a <visual> or a <collision>")
    return (shown or hard), (hard or shown)


def _read_geometry(path: Path, elements: list[xml.Element]) -> trimesh.Trimesh | None:
    pieces = []
    for element in elements:
        shape = next(iter(element.find("geometry")), None) if element.find("geometry") is not None else None
        try:
            piece = _shape(path, shape)
            origin = element.find("origin")
            place = {} if origin is None else origin.attrib
            turn = Rotation.from_euler("xyz", [float(text) for text in place.get("rpy", "0 0 0").split()])
            move = np.eye(4)
            move[:3, :3], move[:3, 3] = turn.as_matrix(), [float(text) for text in place.get("xyz", "0 0 0").split()]
        except BadInput:
            raise
        except (AttributeError, KeyError, ValueError, TypeError):
            raise BadInput(f"{path}: a <{element.tag}> has a shape that can't be read: mend its numbers") from None
        pieces.append(piece.apply_transform(move))
    return trimesh.util.concatenate(pieces) if pieces else None


def _shape(path: Path, shape: xml.Element) -> trimesh.Trimesh:
    given = shape.attrib
    if shape.tag == "mesh":
        file = given["filename"].removeprefix("package://")
        mesh = _read_mesh(path.parent / file)
        return mesh.apply_scale([float(text) for text in given.get("scale", "1 1 1").split()])
    if shape.tag == "box":
        return trimesh.creation.box([float(text) for text in given["size"].split()])
    if shape.tag == "sphere":
        return trimesh.creation.icosphere(subdivisions=3, radius=float(given["radius"]))
    if shape.tag == "cylinder":
        return trimesh.creation.cylinder(float(given["radius"]), float(given["length"]))
    raise BadInput(f"{path}: '{shape.tag}' is no shape that we read: give it as a mesh")
