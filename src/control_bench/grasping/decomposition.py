"""Convex parts of a mesh, as physics wants them: its pieces where they are convex, V-HACD's parts where not."""

import tempfile
from pathlib import Path

import numpy as np
import trimesh

CONVEX = 0.99
"""Share of its convex hull's volume from which a closed piece counts as convex."""
LEAST_VOLUME = 1e-12
"""m³: what is smaller than a tenth of a millimetre is dust."""


@np.errstate(divide="ignore", invalid="ignore")  # what is flat has no centre of mass, and is left out
def convex_parts(mesh: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """Convex meshes that together fill what the mesh does; pieces that touch may overlap."""
    pieces, rest = [], []
    for piece in mesh.split(only_watertight=False):
        hull = _hull(piece)
        if hull is None:
            continue
        trimesh.repair.fix_winding(piece)
        closed = piece.is_watertight and abs(piece.volume) >= CONVEX * hull.volume
        (pieces if closed else rest).append(hull if closed else piece)
    if rest:
        parts = _vhacd(trimesh.util.concatenate(rest))
        pieces += [hull for hull in map(_hull, parts) if hull is not None]
    return pieces


def _hull(piece: trimesh.Trimesh) -> trimesh.Trimesh | None:
    """The convex hull, None of what is flat."""
    try:
        hull = piece.convex_hull
    except Exception:  # Qhull's error, of a point set without volume, is no class that scipy names
        return None
    return hull if hull.volume > LEAST_VOLUME else None


def _vhacd(mesh: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """V-HACD's parts, by pybullet; its resolution goes by the largest edge, so the mesh is scaled to a metre."""
    from control_bench.dynamics.bullet import pybullet, quiet

    size = float(np.ptp(mesh.vertices, axis=0).max())
    with tempfile.TemporaryDirectory() as folder:
        before, after, log = (str(Path(folder, name)) for name in ("in.obj", "out.obj", "log.txt"))
        mesh.copy().apply_scale(1.0 / size).export(before)
        with quiet(1, 2):
            pybullet.vhacd(before, after, log, resolution=200_000, maxNumVerticesPerCH=48)
        parts = trimesh.load(after, force="mesh", skip_materials=True).split(only_watertight=False)
    return [part.apply_scale(size) for part in parts]
