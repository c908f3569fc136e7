"""Maps: the pixel rule, row order, pictures of every kind, and one error a fault."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from control_bench.errors import BadInput
from control_bench.worlds.grid_map import _cell_of_sum, load_map

KEYS = {
    "image": "map.png",
    "resolution": "0.02",
    "origin": "[1.0, -2, 0.5]",
    "occupied_thresh": "0.65",
    "free_thresh": "0.196",
    "negate": "0",
}


def write_yaml(folder, **changes):
    """A good map YAML with some keys changed, or left out where None."""
    path = folder / "map.yaml"
    keys = {**KEYS, **changes}
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items() if value is not None))
    return path


def write_map(folder, pixels, mode=None, name="map.png", **changes):
    """A map whose picture has these pixels, row 0 at the top."""
    image = Image.fromarray(np.array(pixels, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(folder / name)
    return write_yaml(folder, image=name, **changes)


def test_row_0_is_the_bottom_of_the_picture(tmp_path):
    path = write_map(tmp_path, [[0, 255, 128], [255, 255, 0]])
    grid = load_map(path)
    assert grid.cells.dtype == np.int8
    assert grid.cells.tolist() == [[0, 0, 100], [100, 0, -1]]
    assert (grid.width, grid.height) == (3, 2)
    assert grid.resolution == float(np.float32(0.02)) != 0.02
    assert grid.size == (3 * grid.resolution, 2 * grid.resolution)
    assert grid.origin == (1.0, -2.0, 0.5)
    assert grid.path == path


def test_negate_swaps_dark_and_light(tmp_path):
    assert load_map(write_map(tmp_path, [[0, 255, 128]], negate="1")).cells.tolist() == [[0, 100, -1]]


def test_thresholds_are_strict(tmp_path):
    path = write_map(tmp_path, [[0, 255]], occupied_thresh="1.0", free_thresh="0.0")
    assert load_map(path).cells.tolist() == [[-1, -1]]


@pytest.mark.parametrize(("occupied", "cell"), [("0.74", 100), ("0.75", -1)])
def test_opaque_black_rgba_has_occupancy_three_quarters(tmp_path, occupied, cell):
    assert load_map(write_map(tmp_path, [[[0, 0, 0, 255]]], occupied_thresh=occupied)).cells.tolist() == [[cell]]


@pytest.mark.parametrize(
    ("mode", "name"),
    [("1", "m.png"), ("1", "m.pbm"), ("P", "m.png"), ("P", "m.gif"), ("L", "m.pgm"), ("CMYK", "m.tif")],
)
def test_black_and_white_read_alike_in_every_depth(tmp_path, mode, name):
    assert load_map(write_map(tmp_path, [[0, 255]], mode, name)).cells.tolist() == [[100, 0]]


def test_a_palette_counts_by_its_colours_not_its_indices(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.putdata([0, 1])
    image.save(tmp_path / "map.png")
    assert load_map(write_yaml(tmp_path)).cells.tolist() == [[0, 100]]


def test_colour_counts_by_its_mean(tmp_path):
    pixels = [[[255, 0, 0], [255, 255, 0], [255, 255, 255]]]  # occupancies 2/3, 1/3, 0
    assert load_map(write_map(tmp_path, pixels)).cells.tolist() == [[100, -1, 0]]


@pytest.mark.parametrize("name", ["map.png", "map.pgm", "map.tif"])
def test_sixteen_bits_are_scaled(tmp_path, name):
    Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16)).save(tmp_path / name)
    assert load_map(write_yaml(tmp_path, image=name)).cells.tolist() == [[100, -1, 0]]


def test_image_may_be_absolute_and_mode_is_ignored(tmp_path):
    write_map(tmp_path, [[0]])
    (tmp_path / "other").mkdir()
    path = write_yaml(tmp_path / "other", image=tmp_path / "map.png", mode="scale")
    assert load_map(path).cells.tolist() == [[100]]


def test_numbers_are_read_as_yaml_cpp_reads_them(tmp_path):
    assert load_map(write_map(tmp_path, [[0]], resolution="5e-2")).resolution == float(np.float32(0.05))


@given(
    pixel=st.lists(st.integers(0, 255), min_size=1, max_size=4),
    thresholds=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    negate=st.booleans(),
)
def test_the_table_is_the_pixel_rule(pixel, thresholds, negate):
    free, occupied = sorted(thresholds)
    mean = sum(pixel) / len(pixel)
    occupancy = mean / 255 if negate else (255 - mean) / 255
    expected = 100 if occupancy > occupied else 0 if occupancy < free else -1
    assert _cell_of_sum(255 * len(pixel), free, occupied, negate)[sum(pixel)] == expected


BAD_VALUES = [
    *[(key, None, "missing") for key in KEYS],
    ("resolution", "fat", "finite number"),
    ("resolution", ".nan", "finite number"),
    ("resolution", "inf", "finite number"),
    ("resolution", "0", "above 0"),
    ("resolution", "-0.05", "above 0"),
    ("resolution", "1e-50", "above 0"),
    ("resolution", "1e50", "above 0"),
    ("resolution", "[0.05]", "single value"),
    ("origin", "[0, 0]", "three numbers"),
    ("origin", "0", "three numbers"),
    ("origin", "[0, 0, east]", "finite number"),
    ("origin", "&a [0, 0, *a]", "single value"),
    ("occupied_thresh", "65", "within 0 to 1"),
    ("free_thresh", "-0.1", "within 0 to 1"),
    ("free_thresh", "0.9", "above occupied_thresh"),
    ("negate", "maybe", "neither 0 nor 1"),
    ("negate", "2", "neither 0 nor 1"),
    ("image", "", "single value"),
    ("image", "{a: b}", "single value"),
    ("image", "none.png", "there is no file"),
    ("image", ".", "there is no file"),
    ("image", "map.yaml", "cannot be read"),
    ("resolutoin", "0.05", "did you mean 'resolution'?"),
]


def refusal(path):
    with pytest.raises(BadInput) as caught:
        load_map(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize(("key", "value", "says"), BAD_VALUES)
def test_a_bad_value_is_refused_by_name(tmp_path, key, value, says):
    write_map(tmp_path, [[0]])
    message = refusal(write_yaml(tmp_path, **{key: value}))
    assert f"{key}: " in message and says in message


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "not a mapping"), ("- a", "not a mapping"), ("a: [", "not YAML"), ("[" * 5000, "not YAML")],
)
def test_a_bad_file_is_refused_by_name(tmp_path, text, says):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    assert says in refusal(path)


def test_a_key_given_twice_is_refused(tmp_path):
    path = write_map(tmp_path, [[0]])
    path.write_text(path.read_text() + "negate: 1\n")
    assert "negate: is given twice" in refusal(path)


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.yaml")
    (tmp_path / "map.yaml").write_bytes(b"\xff\xfe\xff")
    assert "not YAML" in refusal(tmp_path / "map.yaml")


def test_a_picture_too_large_is_refused_before_it_is_unpacked(tmp_path):
    for side in (10_000, 30_000):
        (tmp_path / "map.pgm").write_bytes(f"P5 {side} {side} 255\n".encode())
        assert "image: " in (message := refusal(write_yaml(tmp_path, image="map.pgm"))) and "too large" in message


def test_a_picture_cut_short_or_of_floats_is_refused(tmp_path):
    write_map(tmp_path, np.random.default_rng(0).integers(0, 256, (16, 16)))
    picture = tmp_path / "map.png"
    picture.write_bytes(picture.read_bytes()[:60])
    assert "cannot be read" in refusal(tmp_path / "map.yaml")
    Image.fromarray(np.zeros((2, 2), dtype=np.float32)).save(tmp_path / "map.tif")
    assert "floating-point" in refusal(write_yaml(tmp_path, image="map.tif"))
    Image.fromarray(np.full((2, 2), -1, dtype=np.int32)).save(tmp_path / "map.tif")
    assert "beyond 16 bits" in refusal(write_yaml(tmp_path, image="map.tif"))
