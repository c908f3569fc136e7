"""Depth pictures, masks and intrinsics from files: into metres, or refused in one line that names the file."""

import json

import numpy as np
import pytest
from PIL import Image

from control_bench.errors import BadInput
from control_bench.grasping.camera import Intrinsics
from control_bench.grasping.depth_files import check_size, metres, read_depth, read_intrinsics, read_mask

CAMERA = {"_frame": "camera", "_fx": 525.0, "_fy": 524, "_cx": 319.5, "_cy": 239.5, "_skew": 0.0,
          "_height": 480, "_width": 640, "_K": 0}  # fmt: skip
DEPTH = np.random.default_rng(0).uniform(0.5, 1.0, (6, 8))


@pytest.fixture
def refused(tmp_path):
    """What a file of such bytes, read by such a function, is refused with, once it is sure to be one line."""

    def call(name, content, read, *more):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(BadInput) as error:
            read(path, *more)
        told = str(error.value)
        assert "\n" not in told and str(path) in told
        return told

    return call


def saved(path, values):
    """A file of an array: .npy, or a picture."""
    if path.suffix.lower() == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    return path


# Depth.


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1)])
def test_floats_are_metres(tmp_path, kind, shape):
    path = saved(tmp_path / "depth.npy", DEPTH.reshape(shape).astype(kind))
    told = read_depth(str(path))
    assert told.shape == (6, 8) and told.dtype == np.float32
    np.testing.assert_allclose(told, DEPTH, atol=1e-3 if kind == np.float16 else 1e-7)


@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf, -np.inf, -0.7])
def test_what_was_not_seen_is_0(tmp_path, nothing):
    depth = DEPTH.copy()
    depth[2, 3] = nothing
    told = read_depth(saved(tmp_path / "depth.npy", depth))
    assert told[2, 3] == 0.0 and (np.delete(told.ravel(), 19) > 0.4).all()


def test_a_picture_of_nothing_is_read(tmp_path):
    assert not read_depth(saved(tmp_path / "depth.npy", np.full((6, 8), np.nan))).any()


def test_16_bits_are_millimetres(tmp_path):
    values = (1000.0 * DEPTH).astype(np.uint16)
    values[0, 0] = 0
    for name in ("depth.png", "DEPTH.PNG"):
        told = read_depth(saved(tmp_path / name, values))
        assert told.dtype == np.float32 and told[0, 0] == 0.0
        np.testing.assert_allclose(told, values / 1000.0, atol=1e-6)
    np.testing.assert_array_equal(read_depth(saved(tmp_path / "depth.npy", values)), told)


@pytest.mark.parametrize("kind", [np.uint32, np.int16, np.int64])
def test_whole_numbers_are_millimetres_too(tmp_path, kind):
    values = (1000.0 * DEPTH).astype(kind)
    if kind is not np.uint32:
        values[0, 0] = -1  # nothing was seen
    told = read_depth(saved(tmp_path / "depth.npy", values))
    np.testing.assert_allclose(told, np.maximum(values.astype(float), 0.0) / 1000.0, atol=1e-6)


def test_the_largest_of_16_bits_is_65_metres(tmp_path):
    assert read_depth(saved(tmp_path / "d.png", np.full((2, 2), 65535, np.uint16))).max() == pytest.approx(65.535)


def test_millimetres_as_floats_are_told_by_name(refused, tmp_path):
    saved(tmp_path / "depth.npy", 1000.0 * DEPTH)
    told = refused("depth.npy", None, read_depth)
    assert "m away: floats are metres: divide millimetres by 1000" in told
    depth = DEPTH.copy()
    depth[:3, :2] = 900.0  # some wild pixels are no reason
    assert read_depth(saved(tmp_path / "depth.npy", depth)).max() == 900.0


@pytest.mark.parametrize(
    "values, told",
    [
        (np.zeros(5), "has height and width, not the shape (5,)"),
        (np.zeros((4, 5, 3)), "not the shape (4, 5, 3)"),
        (np.zeros((0, 5)), "not the shape (0, 5)"),
        (np.zeros((4, 5), np.uint8), "depths of the type uint8"),
        (np.zeros((4, 5), bool), "depths of the type bool"),
        (np.zeros((4, 5), complex), "depths of the type complex"),
        (np.array([["a"]]), "depths of the type"),
    ],
)
def test_arrays_that_are_no_depth_are_refused(refused, tmp_path, values, told):
    saved(tmp_path / "depth.npy", values)
    assert told in refused("depth.npy", None, read_depth)


def test_topics_are_named_as_files_are():
    with pytest.raises(BadInput, match="^/camera/depth: 750"):
        metres(np.full((3, 3), 750.0), "/camera/depth")


def test_pickled_arrays_are_not_opened(refused, tmp_path):
    np.save(tmp_path / "depth.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    assert "can't be read" in refused("depth.npy", None, read_depth)


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("none.npy", None, "no such file"),
        ("cut.npy", b"\x93NUMPY\x01\x00", "can't be read"),
        ("empty.npy", b"", "can't be read"),
        ("text.npy", "depth", "can't be read"),
        ("text.png", "depth", "not a picture that can be read"),
        ("empty.png", b"", "not a picture that can be read"),
        ("depth.tiff", b"", "'.tiff' is no depth picture that we read: give .npy or .png"),
        ("depth", b"", "'' is no depth picture"),
    ],
)
def test_files_that_hold_no_depth_are_refused(refused, name, content, told):
    assert told in refused(name, content, read_depth)


@pytest.mark.parametrize("shape, kind", [((6, 8), np.uint8), ((6, 8, 3), np.uint8)])
def test_pictures_of_8_bits_are_refused(refused, tmp_path, shape, kind):
    saved(tmp_path / "depth.png", np.zeros(shape, kind))
    assert "of one channel of 16 bits" in refused("depth.png", None, read_depth)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(BadInput, match="a folder, not a file"):
        read_depth(tmp_path)


# Masks.


@pytest.mark.parametrize("deep", [(6, 8), (6, 8, 3), (6, 8, 4)])
def test_a_mask_is_where_it_is_not_black(tmp_path, deep):
    where = np.random.default_rng(0).random((6, 8)) < 0.4
    values = np.zeros(deep, np.uint8)
    values[where] = 255
    if len(deep) == 3:
        values[..., 1:3] = 0  # red is not black either
    if deep[-1] == 4:
        values[..., 3] = 255  # and opaque is no colour
    np.testing.assert_array_equal(read_mask(saved(tmp_path / "mask.png", values), (6, 8)), where)


def test_masks_of_1_and_of_16_bits_are_read(tmp_path):
    where = np.random.default_rng(0).random((6, 8)) < 0.4
    np.testing.assert_array_equal(read_mask(saved(tmp_path / "one.png", where), (6, 8)), where)
    np.testing.assert_array_equal(read_mask(saved(tmp_path / "many.png", where.astype(np.uint16)), (6, 8)), where)


def test_a_mask_that_is_black_everywhere_is_refused(tmp_path):
    with pytest.raises(BadInput, match="mask.png: is black everywhere: give a mask that is white where"):
        read_mask(saved(tmp_path / "mask.png", np.zeros((6, 8), np.uint8)), (6, 8))


def test_masks_of_another_size_or_kind_are_refused(refused, tmp_path):
    saved(tmp_path / "mask.png", np.zeros((8, 6), np.uint8))
    told = refused("mask.png", None, read_mask, (6, 8))
    assert "of 8 x 6 pixels, the depth picture of 6 x 8" in told
    assert "not a picture" in refused("text.png", "mask", read_mask, (6, 8))
    assert "no such file" in refused("none.png", None, read_mask, (6, 8))


# Intrinsics.


def test_intrinsics_are_read(tmp_path):
    expected = Intrinsics(525.0, 524.0, 319.5, 239.5, 480, 640)
    bare = {name.removeprefix("_"): value for name, value in CAMERA.items()}
    for number, content in enumerate((CAMERA, bare)):
        (tmp_path / f"{number}.intr").write_text(json.dumps(content))
        assert read_intrinsics(tmp_path / f"{number}.intr") == expected


@pytest.mark.parametrize(
    "content, told",
    [
        ("not JSON", "not an .intr file"),
        ("", "not an .intr file"),
        ("[1, 2]", "it holds no mapping"),
        (b"\xff\xfe\x00", "not an .intr file"),
        (json.dumps({k: v for k, v in CAMERA.items() if k != "_fy"}), "'_fy' is missing"),
        (json.dumps(CAMERA | {"_fx": "wide"}), "'_fx' is 'wide': give JSON such as"),
        (json.dumps(CAMERA | {"_height": 480.5}), "a picture of 480.5 x 640 pixels: give whole numbers"),
        (json.dumps(CAMERA | {"_cx": 9999}), "the principal point (9999, 239.5) lies outside the picture"),
        (json.dumps(CAMERA | {"_cx": True}), "'_cx' is True"),
        (json.dumps(CAMERA | {"_height": None}), "'_height' is missing"),
        (json.dumps(CAMERA | {"_fx": 0.0}), "focal lengths in pixels are above 0"),
        (json.dumps(CAMERA | {"_fy": -3}), "focal lengths in pixels are above 0"),
        (json.dumps(CAMERA | {"_cx": float("nan")}), "'_cx' is nan"),
        (json.dumps(CAMERA | {"_fx": 10**400}), "'_fx' is 1"),
        (json.dumps(CAMERA | {"_width": 0}), "a picture of 480 x 0"),
        (json.dumps(CAMERA | {"_width": float("inf")}), "'_width' is inf"),
        (json.dumps(CAMERA | {"_height": float("nan")}), "'_height' is nan"),
    ],
)
def test_intrinsics_that_are_none_are_refused(refused, content, told):
    assert told in refused("camera.intr", content, read_intrinsics)


def test_intrinsics_that_are_not_there_are_refused(refused):
    assert "no such file" in refused("none.intr", None, read_intrinsics)


def test_a_picture_of_another_size_than_its_cameras_is_refused():
    i = Intrinsics(525.0, 525.0, 4.0, 3.0, 6, 8)
    check_size(i, DEPTH, "depth.npy")
    with pytest.raises(BadInput, match="^depth.npy: of 8 x 6 pixels, its camera's intrinsics of 6 x 8"):
        check_size(i, DEPTH.T, "depth.npy")
