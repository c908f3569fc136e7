"""Meshes: each format is read for what it says, every object comes out alike, and what is none is told by its name."""

import numpy as np
import pytest
import trimesh
from grasp_shapes import L_CORNERS, extruded, solid
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from control_bench.errors import BadInput
from control_bench.grasping.meshes import LARGEST, SMALLEST, make_object, read_object

EDGES = np.array([0.04, 0.03, 0.02])


def block(edges=EDGES, at=(0.01, -0.02, 0.3)):
    return trimesh.creation.box(edges).apply_translation(at)


def outward(obj):
    """Whether the normals of an object that its middle is inside of show away from it."""
    return np.einsum("fk,fk->f", obj.triangles.mean(axis=1), obj.normals) > 0.0


@pytest.fixture
def urdf(tmp_path):
    """Writes a URDF of one link that holds this, and reads it."""

    def read(*content, **options):
        path = tmp_path / "thing.urdf"
        path.write_text(f"<robot name='r'><link name='l'>{''.join(content)}</link></robot>")
        return read_object(path, **options)

    return read


def visual(shape, origin="", kind="visual"):
    return f"<{kind}>{origin}<geometry>{shape}</geometry></{kind}>"


@pytest.mark.parametrize("suffix", ["obj", "stl", "ply", "OBJ"])
def test_a_mesh_is_read_and_put_about_its_centre_of_mass(tmp_path, suffix):
    path = tmp_path / f"my_block.{suffix}"
    block().export(path, file_type=suffix.lower())
    obj = read_object(path)
    assert obj.name == "my_block" and obj.vertices.shape == (8, 3) and obj.faces.shape == (12, 3)
    np.testing.assert_allclose(np.abs(obj.vertices), np.tile(EDGES / 2.0, (8, 1)), atol=1e-7)
    np.testing.assert_allclose(obj.size, EDGES, atol=1e-7)
    assert obj.volume == pytest.approx(EDGES.prod(), rel=1e-5) and outward(obj).all()
    (part,) = obj.parts
    assert ConvexHull(part).volume == pytest.approx(EDGES.prod(), rel=1e-5)


def test_normals_and_areas_are_those_of_the_faces():
    obj = solid(block())
    np.testing.assert_allclose(np.abs(obj.normals).max(axis=1), 1.0)  # along the edges
    for axis in range(3):
        across = np.abs(obj.normals[:, axis]) > 0.5
        np.testing.assert_allclose(obj.areas[across], np.delete(EDGES, axis).prod() / 2.0)
        np.testing.assert_allclose(obj.triangles[across][..., axis] * obj.normals[across, None, axis], EDGES[axis] / 2)


def test_a_mesh_in_millimetres_is_read_with_its_scale(tmp_path):
    block(1000.0 * EDGES).export(tmp_path / "block.stl")
    with pytest.raises(BadInput, match=r"block.stl: it is 40 m large.*millimetres by 0.001"):
        read_object(tmp_path / "block.stl")
    obj = read_object(tmp_path / "block.stl", scale=0.001, name="mine")
    np.testing.assert_allclose(obj.size, EDGES, rtol=1e-6)
    assert obj.name == "mine" and obj.volume == pytest.approx(EDGES.prod(), rel=1e-5)
    np.testing.assert_allclose(np.ptp(obj.parts[0], axis=0), EDGES, rtol=1e-6)


@pytest.mark.parametrize("size, fits", [(0.9 * SMALLEST, False), (SMALLEST, True), (LARGEST, True), (1.1, False)])
def test_the_largest_edge_decides_whether_it_is_taken_for_metres(size, fits):
    mesh = block((size, size / 2.0, size / 2.0), (0.0, 0.0, 0.0))
    if fits:
        assert solid(mesh).size[0] == pytest.approx(size)
    else:
        with pytest.raises(BadInput, match=f"solid: it is {size:.3g} m large"):
            solid(mesh)


def test_the_centre_of_mass_is_that_of_the_volume():
    mesh = extruded(L_CORNERS, 0.02)
    obj = solid(mesh)
    # By hand: of a bar of 60 x 20 mm and one of 40 x 20 mm.
    expected = (np.array([30.0, 10.0]) * 1200.0 + np.array([10.0, 40.0]) * 800.0) / 2000.0 / 1000.0
    np.testing.assert_allclose(mesh.vertices[0] - obj.vertices[0], [*expected, 0.01], atol=5e-4)
    assert obj.volume == pytest.approx(2000e-6 * 0.02, rel=0.05)  # V-HACD's cells are not finer
    np.testing.assert_array_equal(obj.faces, mesh.faces)


def test_an_open_mesh_gets_the_surface_of_its_parts():
    mesh = block()
    mesh.update_faces(np.arange(12) != 5)
    assert not mesh.is_watertight
    obj = solid(mesh)
    shown = trimesh.Trimesh(obj.vertices, obj.faces)
    assert shown.is_watertight and shown.volume == pytest.approx(EDGES.prod(), rel=0.05)
    np.testing.assert_allclose(obj.size, EDGES, rtol=0.05)
    corners = {tuple(corner.round(9)) for part in obj.parts for corner in part}
    assert {tuple(corner.round(9)) for corner in obj.vertices} <= corners


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 11), unique=True))
def test_normals_show_outward_whichever_way_faces_were_listed(turned):
    mesh = block()
    faces = mesh.faces.copy()
    faces[turned] = faces[turned, ::-1]
    obj = solid(trimesh.Trimesh(mesh.vertices, faces, process=False))
    assert len(obj.faces) == 12 and outward(obj).all()
    assert obj.volume == pytest.approx(EDGES.prod())


def test_faces_without_area_are_left_out():
    mesh = block()
    mesh = trimesh.Trimesh(mesh.vertices, np.vstack([mesh.faces, [[0, 0, 1]]]), process=False)
    assert len(solid(mesh).faces) == 12


@pytest.mark.parametrize(
    "shape, size, volume",
    [
        ("<box size='0.04 0.03 0.02'/>", EDGES, EDGES.prod()),
        ("<cylinder radius='0.01' length='0.05'/>", (0.02, 0.02, 0.05), np.pi * 0.01**2 * 0.05),
        ("<sphere radius='0.02'/>", (0.04, 0.04, 0.04), 4.0 / 3.0 * np.pi * 0.02**3),
    ],
)
@pytest.mark.parametrize("kind", ["visual", "collision"])
def test_a_urdfs_shapes(urdf, shape, size, volume, kind):
    obj = urdf(visual(shape, kind=kind))
    np.testing.assert_allclose(obj.size, size, rtol=1e-9)
    assert obj.volume == pytest.approx(volume, rel=0.02) and len(obj.parts) == 1  # of so many flat faces


def test_a_urdfs_shapes_stand_where_it_says(urdf):
    roll, pitch, yaw = 0.3, -0.5, 0.8
    obj = urdf(
        visual("<box size='0.04 0.03 0.02'/>"),
        visual("<box size='0.01 0.02 0.03'/>", f"<origin xyz='0.1 -0.02 0.03' rpy='{roll} {pitch} {yaw}'/>"),
    )
    # About the fixed axes x, y and z, one after the other.
    about_x = np.array([[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]])
    about_y = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    signs = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3), axis=-1).reshape(-1, 3)
    place = np.array([0.1, -0.02, 0.03])
    corners = np.concatenate([signs * EDGES, signs * (0.01, 0.02, 0.03) @ (about_z @ about_y @ about_x).T + place])
    corners -= place * 6e-6 / (6e-6 + EDGES.prod())
    distances = np.linalg.norm(obj.vertices[:, None] - corners, axis=2)
    assert len(obj.vertices) == 16 and distances.min(axis=0).max() < 1e-9 and distances.min(axis=1).max() < 1e-9
    assert len(obj.parts) == 2 and obj.volume == pytest.approx(6e-6 + EDGES.prod())


@pytest.mark.parametrize("name", ["block.obj", "package://block.obj"])
def test_a_urdfs_mesh_is_read_from_beside_it_with_its_scale(urdf, tmp_path, name):
    block(EDGES / 2.0).export(tmp_path / "block.obj")
    obj = urdf(visual(f"<mesh filename='{name}' scale='2 4 6'/>"))
    np.testing.assert_allclose(obj.size, EDGES * (1.0, 2.0, 3.0), rtol=1e-6)
    np.testing.assert_allclose(urdf(visual(f"<mesh filename='{name}'/>"), scale=3.0).size, EDGES * 1.5, rtol=1e-6)


def test_a_mirrored_mesh_has_its_inside_inside(urdf, tmp_path):
    block().export(tmp_path / "block.obj")
    assert outward(urdf(visual("<mesh filename='block.obj' scale='-1 1 1'/>"))).all()


def test_a_urdf_is_seen_by_its_visual_and_touched_by_its_collision(urdf):
    obj = urdf(
        visual("<sphere radius='0.02'/>"),
        visual("<box size='0.01 0.02 0.03'/>", "<origin xyz='0.003 0 0'/>", kind="collision"),
        scale=2.0,
    )
    (part,) = obj.parts
    np.testing.assert_allclose(np.ptp(part, axis=0), (0.02, 0.04, 0.06))
    np.testing.assert_allclose(part.mean(axis=0), 0.0, atol=1e-12)
    assert obj.volume == pytest.approx(0.02 * 0.04 * 0.06)
    np.testing.assert_allclose(obj.size, 0.08)
    np.testing.assert_allclose((obj.vertices.max(axis=0) + obj.vertices.min(axis=0)) / 2.0, (-0.006, 0.0, 0.0))


CORNER = "v 0 0 0\nv 0.02 0 0\nv 0 0.02 0\nv 0 0 0.02\n"
ONE_LINK = "<robot name='r'><link name='l'>{}</link></robot>"
BOX = "<box size='0.04 0.03 0.02'/>"
TWO_LINKS = "<robot name='r'><link name='l'/><link name='m'/></robot>"


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("points.obj", CORNER, "no triangles"),
        ("empty.obj", "", "no triangles"),
        ("text.obj", "what is this", "no triangles"),
        ("nan.obj", CORNER + "v nan 0 0\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 5\n", "no numbers"),
        ("inf.obj", CORNER + "v 0 inf 0\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\nf 2 3 5\n", "no numbers"),
        ("index.obj", CORNER + "f 1 2 9\n", "can't be read as a mesh"),
        ("flat.obj", CORNER + "f 1 2 3\n", "no volume"),
        ("line.obj", CORNER + "f 1 2 2\n", "no triangles"),
        ("huge.obj", "v 0 0 0\nv 50 0 0\nv 0 20 0\nv 0 0 20\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n", "millimetres"),
        ("broken.ply", "ply\nformat ascii", "can't be read as a mesh"),
        ("broken.stl", "solid what", "no triangles"),
        ("thing.dae", "<COLLADA/>", "'.dae' is no mesh that we read"),
        ("no_suffix", CORNER, "is no mesh that we read"),
        ("two.urdf", TWO_LINKS, "has 2 links"),
        ("none.urdf", "<robot name='r'/>", "has 0 links"),
        ("text.urdf", "what is this", "not a URDF"),
        ("empty.urdf", ONE_LINK.format(""), "shows no shape"),
        ("bare.urdf", ONE_LINK.format("<visual/>"), "<visual> has a shape that can't be read"),
        ("shape.urdf", ONE_LINK.format("<visual><geometry/></visual>"), "<visual> has a shape that can't be read"),
        ("flat.urdf", ONE_LINK.format(visual("<box size='0.04 0.03'/>")), "mend its numbers"),
        ("text.urdf", ONE_LINK.format(visual("<sphere radius='wide'/>")), "mend its numbers"),
        ("bare.urdf", ONE_LINK.format(visual("<cylinder radius='0.1'/>")), "mend its numbers"),
        ("place.urdf", ONE_LINK.format(visual(BOX, "<origin xyz='1 2'/>", "collision")), "<collision> has a shape"),
        ("nan.urdf", ONE_LINK.format(visual("<sphere radius='nan'/>")), "finite corners"),
        ("cone.urdf", ONE_LINK.format(visual("<cone radius='1'/>")), "'cone' is no shape that we read"),
    ],
    ids=lambda value: value if "." in value and "\n" not in value and "<" not in value else "",
)
def test_a_file_that_is_no_object_is_told_by_its_name(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput) as refused:
        read_object(tmp_path / name)
    assert str(refused.value).startswith(str(tmp_path / name)) and told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", ["stl", "ply"])
def test_a_file_that_was_cut_short_is_told_by_its_name(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    block().export(path)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(BadInput, match=f"cut.{suffix}: can't be read as a mesh"):
        read_object(path)


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path, urdf):
    for path in (tmp_path / "none.obj", tmp_path):
        with pytest.raises(BadInput, match=f"{path}: no such file"):
            read_object(path)
    with pytest.raises(BadInput, match="none.obj: can't be read"):
        urdf(visual("<mesh filename='none.obj'/>"))


def test_a_scale_that_leaves_nothing_is_refused():
    with pytest.raises(BadInput, match="here: holds no triangles"):
        make_object(block(), 0.0, "block", "here")
