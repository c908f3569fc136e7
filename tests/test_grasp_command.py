"""`control-bench grasp plan`: what it tells of a picture, and that whatever is wrong is told in one line."""

import json
import math

import numpy as np
import pytest
from depth_pictures import block, camera, picture
from PIL import Image

from control_bench.bench.grasp_plot import draw_grasps
from control_bench.grasping.depth_image import DepthImage
from control_bench.grasping.gripper import gripper_of
from control_bench.grasping.image_grasps import ImageGrasps
from control_bench.learning.checkpoint import save
from control_bench.plan import make_plan

pytestmark = pytest.mark.usefixtures("one_thread")
FINE = camera(480, 640, 525.0)
KEYS = {"quality", "pixel", "angle", "depth", "position", "quaternion", "seconds", "advice"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder: an untrained network, the camera, and pictures of a block and of nothing."""
    folder = tmp_path_factory.mktemp("pictures")
    plan = make_plan("grasp", "dexnet", assignments={"objects": "lego"})
    task = plan.make_task()
    policy = plan.make_controller(task).get_policy() | {"trained": {"gripper": "wsg50", "near": 0.65, "far": 0.75}}
    save(folder / "dexnet.pt", plan.about(task) | {"seed": 0, "steps": 1, "policy": policy})
    i = FINE.intrinsics
    told = {"_fx": i.fx, "_fy": i.fy, "_cx": i.cx, "_cy": i.cy, "_height": i.height, "_width": i.width}
    (folder / "camera.intr").write_text(json.dumps(told))
    (folder / "small.intr").write_text(json.dumps(told | {"_width": 64, "_cx": 31.5}))
    depth, body = picture(FINE, block(x=0.05, y=-0.03, yaw=0.4))
    np.save(folder / "block.npy", depth)
    np.save(folder / "empty.npy", picture(FINE)[0])
    np.save(folder / "millimetres.npy", 1000.0 * depth)
    Image.fromarray(np.round(1000.0 * depth).astype(np.uint16)).save(folder / "block.png")
    Image.fromarray(((body > 0) * 255).astype(np.uint8)).save(folder / "mask.png")
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(folder / "tiny.png")
    return folder


@pytest.fixture
def plan(cli, files):
    """Plans in a picture of the folder, by its camera and network where no others are told."""

    def call(name, *more, intrinsics="camera.intr"):
        return cli("grasp", "plan", files / name, "--intrinsics", files / intrinsics,
                   "--checkpoint", files / "dexnet.pt", *more)  # fmt: skip

    return call


def mask_of(files):
    return np.asarray(Image.open(files / "mask.png")) > 0


@pytest.mark.parametrize("name", ["block.npy", "block.png"])
@pytest.mark.parametrize("planner", ["cem", "ranking", "fully_convolutional"])
def test_json_is_one_object_that_tells_a_grasp_in_picture_and_space(plan, files, name, planner):
    status, out, err = plan(name, "--json", "--set", f"planner={planner}", "--set", "budget=30")
    told = json.loads(out)
    assert status == 0 and err == "" and len(out.splitlines()) == 1 and told.keys() == KEYS
    column, row = np.round(told["pixel"]).astype(int)
    assert mask_of(files)[row - 2 : row + 3, column - 2 : column + 3].any() and 0.0 <= told["quality"] <= 1.0
    i = FINE.intrinsics
    position = np.array(told["position"])
    np.testing.assert_allclose(i.project(position), told["pixel"], atol=0.2)
    assert position[2] == pytest.approx(told["depth"], abs=1e-4)
    assert np.linalg.norm(told["quaternion"]) == pytest.approx(1.0, abs=1e-4)
    assert 0.0149 < FINE.view.to_world(position)[2] < 0.045 and -math.pi <= told["angle"] <= math.pi
    assert bool(told["advice"]) == (told["quality"] < 0.5)


def test_a_person_reads_lines(plan):
    status, out, _ = plan("block.npy")
    lines = [line.split()[0] for line in out.splitlines()]
    assert status == 0 and lines[:7] == ["quality", "pixel", "angle", "depth", "position", "quaternion", "seconds"]
    assert all(name == "note:" for name in lines[7:])


def test_grasps_are_looked_for_where_the_mask_is_white(plan, files, tmp_path):
    mask = mask_of(files)
    half = mask & (np.indices(mask.shape)[0] < np.nonzero(mask)[0].mean())
    Image.fromarray((half * 255).astype(np.uint8)).save(tmp_path / "half.png")
    status, out, _ = plan("block.npy", "--json", "--segmask", tmp_path / "half.png")
    column, row = np.round(json.loads(out)["pixel"]).astype(int)
    assert status == 0 and half[row, column]


def test_an_empty_table_is_status_1_with_the_reason(plan):
    status, out, err = plan("empty.npy")
    assert status == 1 and err == "" and "note: nothing stands on the table" in out
    status, out, _ = plan("empty.npy", "--json")
    told = json.loads(out)
    assert status == 1 and told["quality"] is None and told.keys() == {"quality", "seconds", "advice"}


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_show_draws_the_picture_and_what_was_planned(plan, tmp_path):
    status, out, _ = plan("block.npy", "--show", tmp_path / "block.png")
    assert status == 0 and f"wrote {tmp_path / 'block.png'}" in out
    drawn = pixels_of(tmp_path / "block.png")
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100
    assert plan("empty.npy", "--show", tmp_path / "empty.png")[0] == 1  # and no grasp can be shown too
    empty = pixels_of(tmp_path / "empty.png")
    # Grasps are coloured, and more is drawn where there are some.
    coloured = [np.ptp(one, axis=2) > 60 for one in (drawn, empty)]
    assert coloured[0].sum() > coloured[1].sum() + 200


def test_show_and_json_print_json_alone(plan, tmp_path):
    status, out, _ = plan("block.npy", "--json", "--show", tmp_path / "new" / "one.png")
    assert status == 0 and json.loads(out) and (tmp_path / "new" / "one.png").is_file()


@pytest.mark.parametrize(
    "name, more, told",
    [
        ("none.npy", {}, "none.npy: no such file"),
        ("millimetres.npy", {}, "divide millimetres by 1000"),
        ("tiny.png", {}, "16 bits"),
        ("block.npy", {"intrinsics": "none.intr"}, "none.intr: no such file"),
        ("block.npy", {"intrinsics": "block.npy"}, "not an .intr file"),
        ("block.npy", {"intrinsics": "empty.npy"}, 'give JSON such as {"_fx": 525'),
        ("block.npy", {"intrinsics": "small.intr"}, "its camera's intrinsics of 480 x 64"),
    ],
)
def test_bad_input_is_one_line_and_status_2(plan, name, more, told):
    status, out, err = plan(name, **more)
    assert status == 2 and out == "" and told in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "more, told",
    [
        (("--segmask", "tiny.png"), "of 10 x 10 pixels, the depth picture of 480 x 640"),
        (("--set", "plannr=cem"), "plannr"),
        (("--set", "planner=best"), "planner: 'best' is not a choice"),
        (("--set", "architecture=code"), "does not fit these controller settings (architecture=code, not small)"),
        (("--checkpoint", "camera.intr"), "not a checkpoint of ours"),
        (("--show", "block.npy/one.png"), "one.png: can't be written"),
        (("--show", "."), "what is written is .png"),
        (("--show", "one.jpg"), "one.jpg: what is written is .png"),
    ],
)
def test_bad_options_are_one_line_and_status_2(plan, files, more, told):
    option, value = more
    value = value if "=" in value else files / value
    status, out, err = plan("block.npy", option, value)
    assert status == 2 and out == "" and told in err and len(err.strip().splitlines()) == 1


def test_without_a_policy_it_is_told_how_to_train_one(cli, files, monkeypatch, tmp_path):
    monkeypatch.setattr("control_bench.plan.share", lambda: tmp_path)  # as long as none ships
    status, out, err = cli("grasp", "plan", files / "block.npy", "--intrinsics", files / "camera.intr")
    assert status == 2 and out == "" and len(err.strip().splitlines()) == 1
    assert "control-bench train grasp --controller dexnet --out DIR" in err


def test_what_to_do_must_be_named(cli, files):
    status, _, err = cli("grasp", "hold", files / "block.npy", "--intrinsics", files / "camera.intr")
    assert status == 2 and "hold" in err


# The plot.


def plotted(grasps, qualities):
    image = DepthImage.of(picture(FINE, block())[0], FINE.intrinsics)
    return draw_grasps(image, grasps, qualities, gripper_of("wsg50"))


def test_jaws_are_drawn_as_far_apart_as_they_open_along_their_axis():
    grasps = ImageGrasps(np.array([[320.0, 240.0], [300.0, 230.0]]), np.array([0.3, 1.0]), np.array([0.68, 0.7]))
    scene, near = plotted(grasps, np.array([0.9, 0.2])).axes[:2]
    lines = [np.array(line.get_xydata()) for line in scene.lines]
    # An axis and two bars for each, in black and in colour; the best on top of the others.
    assert len(lines) == 12
    along = lines[7][1] - lines[7][0]
    np.testing.assert_allclose(lines[7].mean(axis=0), [320.0, 240.0])
    np.testing.assert_allclose(along, 0.05 * 525.0 / 0.68 * np.array([np.cos(0.3), np.sin(0.3)]), rtol=1e-6)
    colours = [scene.lines[number].get_color() for number in (1, 7)]
    assert colours[0][0] > colours[0][1] and colours[1][1] > colours[1][0]  # a bad one is red, a good one green
    np.testing.assert_allclose(np.ptp(near.lines[0].get_xdata()), 5.0)  # cm
    assert "0.90" in near.get_title()


def test_no_more_than_the_best_few_are_drawn_and_none_where_there_are_none():
    many = ImageGrasps(np.tile([[320.0, 240.0]], (30, 1)), np.linspace(0, 3, 30), np.full(30, 0.68))
    assert len(plotted(many, np.linspace(1, 0, 30)).axes[0].lines) == 6 * 8
    axes = plotted(ImageGrasps.none(), np.zeros(0)).axes
    assert not axes[0].lines and axes[0].get_title() == "no grasp" and not axes[1].axison
