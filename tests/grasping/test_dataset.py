"""Data sets of grasps: the same whoever draws them and however often they are cut short, and the command for them."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh

from control_bench.cli import main
from control_bench.errors import BadInput
from control_bench.grasping import dataset
from control_bench.grasping.dataset import (
    COLUMNS,
    SHARD,
    begin,
    generate,
    load_split,
    make_card,
    missing,
    read_card,
    shard_file,
    split_of,
    write_shard,
)  # fmt: skip
from control_bench.grasping.examples import ExampleSettings
from control_bench.grasping.objects import load_object

TEN = ",".join(f"random/{number:03d}" for number in range(10))
GRASP = ("dataset", "grasp", "--objects", TEN, "--seed", "3", "--set", "draws=5")
SETTINGS = ExampleSettings(draws=5)
SHARDS = 10
"""Of every split some."""
SCRIPT = str(Path(__file__).parents[2] / "scripts" / "control-bench")
"""As users call it: what it begins beside itself reads it too."""


def files(folder):
    """What is in a data set: its files' names and bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A data set that one process drew at once."""
    folder = tmp_path_factory.mktemp("whole") / "grasps"
    assert main([*GRASP, "--out", str(folder), "--grasps", str(SHARDS * SHARD)]) == 0
    return folder


@pytest.fixture
def small(monkeypatch):
    """Shards of 30 grasps, drawn in this process."""
    monkeypatch.setattr(dataset, "SHARD", 30)
    return make_card(SETTINGS, 7, TEN)


@pytest.fixture
def cut_short(tmp_path):
    """Begins a data set in a process of its own, and sends it a signal once there is a shard; status and output."""
    processes = []

    def begin(number, *options):
        command = [sys.executable, SCRIPT, *GRASP, "--out", str(tmp_path / "grasps"), *options]
        process = subprocess.Popen(
            [*command, "--grasps", str(SHARDS * SHARD)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        processes.append(process)
        end = time.monotonic() + 60
        while not list(tmp_path.glob("grasps/shard_*.npz")) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)  # as a terminal's Ctrl-C reaches the workers too
        out, err = process.communicate(timeout=60)
        return tmp_path / "grasps", process.returncode, out, err

    yield begin
    for process in processes:
        process.kill()


# What is drawn.


def test_a_shard_has_the_columns_that_the_card_tells(whole):
    for number in (0, SHARDS - 1):
        with np.load(shard_file(whole, number)) as shard:
            assert set(shard.files) == set(COLUMNS)
            for name, about in json.loads((whole / "card.json").read_text())["columns"].items():
                kind, _, shape = about.partition(" ")
                assert shard[name].dtype == np.dtype(kind.rstrip(",:")), name
                told = shape.partition(")")[0].removeprefix("(") if shape.startswith("(") else ""
                inner = tuple(int(part) for part in told.split(",") if part.strip())
                assert shard[name].shape == (SHARD, *inner), name
            assert np.isfinite(shard["crop"]).all() and shard["collision_free"].any()


def test_the_card_states_every_setting(whole):
    card = read_card(whole)
    assert (
        card["settings"] == {name: getattr(SETTINGS, name) for name in ExampleSettings.__dataclass_fields__}
        and card["settings"]["draws"] == 5
    )
    assert card["seed"] == 3 and card["grasps of a shard"] == SHARD
    assert ",".join(sorted(name for names in card["objects"].values() for name in names)) == TEN
    assert card["made by"].startswith("control_bench ") and len(card["splits of shards, by the last digit"]) == 10


def test_shards_are_of_their_splits_objects(whole):
    objects = read_card(whole)["objects"]
    assert {split: len(names) for split, names in objects.items()} == {"train": 8, "validate": 1, "test": 1}
    assert [split_of(number) for number in range(20)] == (["train"] * 8 + ["validate", "test"]) * 2
    for number in range(SHARDS):
        with np.load(shard_file(whole, number)) as shard:
            assert set(shard["object"]) == set(range(len(objects[split_of(number)])))


def test_a_shards_objects_are_those_of_its_split(small):
    seen = {}

    def load(name):
        seen.setdefault(number, set()).add(name)
        return load_object(name)

    for number in range(10):
        small.draw(number, load)
    assert all(names <= set(small.objects[split_of(number)]) for number, names in seen.items()) and len(seen) == 10


def test_a_split_is_loaded_whole(whole):
    for split, shards in (("train", range(8)), ("validate", [8]), ("test", [9])):
        loaded = load_split(whole, split, ["depth", "crop"])
        assert set(loaded) == {"depth", "crop"}
        expected = np.concatenate([np.load(shard_file(whole, number))["depth"] for number in shards])
        np.testing.assert_array_equal(loaded["depth"], expected)


# The same, whoever draws it.


def test_two_processes_draw_what_one_does(whole, tmp_path):
    reported = []
    generate(tmp_path, make_card(SETTINGS, 3, TEN), 3 * SHARD, processes=2, report=reported.append)
    assert reported == [SHARD] * 3
    expected, drawn = files(whole), files(tmp_path)
    assert list(drawn) == ["card.json", "shard_00000.npz", "shard_00001.npz", "shard_00002.npz"]
    assert all(expected[name] == content for name, content in drawn.items())


def test_a_shard_is_drawn_from_the_seed_and_its_number(small):
    one, again, next_one = small.draw(0), small.draw(0), small.draw(1)
    other = make_card(SETTINGS, 8, TEN).draw(0)
    for name, values in one.items():
        np.testing.assert_array_equal(values, again[name])
    assert len(one["depth"]) == 30
    assert (one["depth"] != next_one["depth"]).any() and (one["depth"] != other["depth"]).any()


def test_a_killed_generation_goes_on_and_ends_with_the_same_files(whole, cut_short, cli):
    folder, status, _, _ = cut_short(signal.SIGKILL)
    assert status == -signal.SIGKILL and 0 < len(list(folder.glob("shard_*.npz"))) < SHARDS
    assert cli(*GRASP, "--out", folder, "--grasps", SHARDS * SHARD)[0] == 0
    assert files(folder) == files(whole)


def test_an_interrupted_one_says_so_and_goes_on(whole, cut_short, cli):
    folder, status, out, err = cut_short(signal.SIGINT, "--processes", "2")
    shards = len(list(folder.glob("shard_*.npz")))
    assert status == 130 and "Traceback" not in err and 0 < shards < SHARDS
    assert f"{(SHARDS - shards) * SHARD} grasps are still to be drawn: the same command goes on" in out
    status, out, _ = cli(*GRASP, "--out", folder, "--grasps", SHARDS * SHARD)
    assert status == 0 and f"{SHARDS * SHARD} grasps" in out
    assert files(folder) == files(whole)


@pytest.fixture
def forked(small, monkeypatch):
    """The card of small shards, whose workers begin at once, as they have nothing to import."""
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: context)
    return small


def test_a_worker_that_is_killed_is_told(forked, tmp_path):
    def kill(grasps):
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(BadInput, match=rf"{tmp_path}: a process was ended \(status -9.*: the same command goes on"):
        generate(tmp_path, forked, 600, processes=2, report=kill)
    assert 0 < len(missing(tmp_path, 600)) < 20


def test_what_a_worker_refuses_is_told(forked, tmp_path):
    forked.objects["train"][:] = [str(tmp_path / "gone.obj")]
    with pytest.raises(BadInput, match="gone.obj"):
        generate(tmp_path, forked, 60, processes=2)


def test_what_is_there_is_not_drawn_again_and_more_is_added(small, tmp_path, monkeypatch):
    reported = []
    generate(tmp_path, small, 61, report=reported.append)
    assert reported == [30, 30, 30]  # whole shards
    before = files(tmp_path)
    generate(tmp_path, small, 130, report=reported.append)
    assert reported[3:] == [30, 30] and missing(tmp_path, 130) == [] and missing(tmp_path, 151) == [5]
    after = files(tmp_path)
    assert {name: after[name] for name in before} == before and len(after) == len(before) + 2
    generate(tmp_path, small, 30, report=reported.append)
    assert len(reported) == 5 and files(tmp_path) == after


def test_it_stops_after_the_shard_under_way(small, tmp_path):
    reported = []
    generate(tmp_path, small, 300, report=reported.append, stop=lambda: len(reported) == 2)
    assert missing(tmp_path, 300) == list(range(2, 10))


def test_a_shard_that_was_deleted_is_drawn_again_the_same(small, tmp_path):
    generate(tmp_path, small, 90)
    before = files(tmp_path)
    shard_file(tmp_path, 1).unlink()
    generate(tmp_path, small, 90)
    assert files(tmp_path) == before


# What does not fit together.


@pytest.mark.parametrize(
    "other, named",
    [
        (dict(settings=ExampleSettings(draws=6)), "draws"),
        (dict(settings=ExampleSettings(draws=5, far=0.8)), "far"),
        (dict(seed=8), "seed"),
        (dict(objects=TEN.replace("009", "010")), "objects"),
    ],
    ids=["draws", "far", "seed", "objects"],
)
def test_another_card_is_refused_with_what_differs(small, tmp_path, other, named):
    generate(tmp_path, small, 30)
    before = files(tmp_path)
    with pytest.raises(BadInput, match=f"{tmp_path}: holds a data set that differs in its {named}: name another"):
        generate(tmp_path, make_card(**dict(settings=SETTINGS, seed=7, objects=TEN) | other), 60)
    assert files(tmp_path) == before


def test_a_card_without_shards_is_no_data_set_yet(small, tmp_path):
    begin(tmp_path, make_card(SETTINGS, 8, TEN.replace("009", "010")))  # and then a mesh could not be read
    generate(tmp_path, small, 30)
    assert read_card(tmp_path)["seed"] == 7 and missing(tmp_path, 30) == []


def test_shards_without_a_card_are_left_alone(small, tmp_path):
    write_shard(tmp_path, small, 0)
    with pytest.raises(BadInput, match="holds shards without a card"):
        begin(tmp_path, small)
    assert not (tmp_path / "card.json").exists()


@pytest.mark.parametrize(
    "content, told",
    [
        ("", "damaged"), ("[1]", "damaged"), ("{}", "damaged"), ("\0\xff", "damaged"),
        (json.dumps({"format": dataset.FORMAT}), "damaged"),
        (json.dumps({"format": dataset.FORMAT, "settings": None}), "damaged"),
        (json.dumps({"format": dataset.FORMAT, "settings": {"drows": 3}}), "did you mean 'draws'?"),
        (json.dumps({"format": "another", "settings": {}}), r"of another version \(another\)"),
    ],
)  # fmt: skip
def test_a_card_that_can_not_be_read_is_told_by_its_name(tmp_path, content, told):
    (tmp_path / "card.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match=f"{tmp_path / 'card.json'}: .*{told}"):
        read_card(tmp_path)


def test_a_folder_without_a_data_set_is_told(tmp_path):
    with pytest.raises(BadInput, match=f"{tmp_path}: no data set of grasps: make one with"):
        load_split(tmp_path, "train", ["depth"])


@pytest.mark.parametrize("damage", ["cut", "emptied", "garbage", "flipped"])
def test_a_damaged_shard_is_told_by_its_name(small, tmp_path, damage):
    generate(tmp_path, small, 60)
    path = shard_file(tmp_path, 1)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60) if damage == "flipped" else content[200:260]
    ends = {"cut": content[:-300], "emptied": b"", "garbage": b"garbage", "flipped": content}
    path.write_bytes(ends[damage])
    with pytest.raises(BadInput, match=f"{path}: damaged: delete it"):
        load_split(tmp_path, "train", ["crop", "depth"])


@pytest.mark.parametrize("cut", [lambda column: column[:-1], lambda column: column[:, :16]], ids=["rows", "pixels"])
def test_a_shard_of_another_shape_is_told_by_its_name(small, tmp_path, cut):
    generate(tmp_path, small, 60)
    path = shard_file(tmp_path, 1)
    with np.load(path) as shard:
        columns = dict(shard)
    np.savez_compressed(path, **columns | {"crop": cut(columns["crop"])})
    with pytest.raises(BadInput, match=f"{path}: damaged: delete it"):
        load_split(tmp_path, "train", ["crop", "depth"])


def test_a_shard_that_is_missing_is_told_by_its_name(small, tmp_path):
    generate(tmp_path, small, 90)
    path = shard_file(tmp_path, 1)
    path.unlink()
    with pytest.raises(BadInput, match=f"{path}: missing, though later ones are there: `control-bench dataset` draws"):
        load_split(tmp_path, "train", ["depth"])


def test_a_split_of_which_nothing_is_drawn_yet_is_told(small, tmp_path):
    generate(tmp_path, small, 30)
    assert len(load_split(tmp_path, "train", ["depth"])["depth"]) == 30
    with pytest.raises(BadInput, match="holds no grasps to test yet: draw 300 or more"):
        load_split(tmp_path, "test", ["depth"])


# One's own objects.


@pytest.fixture
def meshes(tmp_path):
    """A folder of ten boxes."""
    folder = tmp_path / "meshes"
    folder.mkdir()
    for number in range(10):
        trimesh.creation.box((0.03, 0.04 + 0.002 * number, 0.05)).export(folder / f"box_{number}.stl")
    return folder


def test_ones_own_objects_are_split_by_tens(meshes, monkeypatch, tmp_path):
    monkeypatch.setattr(dataset, "SHARD", 30)
    card = make_card(SETTINGS, 0, str(meshes))
    listed = {split: [name[-9:] for name in names] for split, names in card.objects.items()}
    assert listed == {
        "train": [f"box_{number}.stl" for number in range(8)], "validate": ["box_8.stl"], "test": ["box_9.stl"],
    }  # fmt: skip
    generate(tmp_path / "out", card, 300)
    assert load_split(tmp_path / "out", "test", ["collision_free"])["collision_free"].any()


def test_too_few_objects_are_refused(meshes):
    (meshes / "box_0.stl").unlink()
    with pytest.raises(BadInput, match="objects: 9 are too few to hold some back for tests: name 10 or more"):
        make_card(SETTINGS, 0, str(meshes))


def test_without_any_it_is_pybullets_by_their_splits():
    objects = make_card(SETTINGS, 0).objects
    assert {split: len(names) for split, names in objects.items()} == {"train": 799, "validate": 100, "test": 100}
    assert "random/850" in objects["validate"] and "random/950" in objects["test"]


# The command.


@pytest.mark.parametrize(
    "wrong, told",
    [
        (("grasps",), "grasps"),
        (("grasp", "--grasps", "0"), "'0' should be a whole number above 0"),
        (("grasp", "--processes", "0"), "--processes"),
        (("grasp", "--seed", "-1"), "--seed"),
        (("grasp", "--set", "drows=3"), "--set: unknown key 'drows', did you mean 'draws'?"),
        (("grasp", "--set", "draws=0"), "draws: 0 should be above 0"),
        (("grasp", "--set", "draws=few"), "draws: 'few' should be a whole number"),
        (("grasp", "--set", "gripper=wsg"), "did you mean 'wsg50'?"),
        (("grasp", "--set", "draws"), "write key=value"),
        (("grasp", "--objects", "duck"), "objects: 1 are too few"),
        (("grasp", "--objects", "dukc"), "did you mean 'duck'?"),
        (("grasp", "--objects", "EMPTY"), "holds no meshes"),
        (("grasp", "--objects", "HOLLOW"), ".obj: holds no triangles"),
        (("grasp", "--out", "FILE"), "FILE"),
        (("grasp", "--out", "FILE/in"), "FILE/in"),
        (("grasp", "--out", "DAMAGED"), "DAMAGED/card.json: damaged"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_told_in_one_line(cli, tmp_path, wrong, told):
    for name in ("EMPTY", "HOLLOW", "DAMAGED"):
        (tmp_path / name).mkdir()
    for number in range(10):
        (tmp_path / "HOLLOW" / f"b{number}.obj").touch()
    (tmp_path / "DAMAGED" / "card.json").write_text("{")
    (tmp_path / "FILE").write_text("kept")

    def put(text):
        for name in ("EMPTY", "HOLLOW", "DAMAGED", "FILE"):
            text = text.replace(name, str(tmp_path / name))
        return text

    command = ["dataset", wrong[0], "--out", tmp_path / "out", "--grasps", 1000, *map(put, wrong[1:])]
    status, out, err = cli(*command)
    (line,) = [line for line in err.splitlines() if line.startswith("control-bench")]
    assert status == 2 and out == "" and "Traceback" not in err and put(told) in line
    assert (tmp_path / "FILE").read_text() == "kept" and not list(tmp_path.rglob("shard_*"))


def test_out_and_grasps_have_to_be_told(cli, tmp_path):
    for command in (("--out", tmp_path), ("--grasps", 1000)):
        status, out, err = cli("dataset", "grasp", *command)
        assert status == 2 and out == "" and "required" in err and len(err.splitlines()) == 1


def test_another_seed_for_a_data_set_that_is_there_is_refused(cli, whole):
    before = files(whole)
    status, _, err = cli(*GRASP, "--seed", 4, "--out", whole, "--grasps", SHARDS * SHARD)
    assert status == 2 and err.strip() == (
        f"control-bench: {whole}: holds a data set that differs in its seed: name another folder, or its own"
    )
    assert files(whole) == before


def test_what_is_done_is_not_done_again(cli, whole):
    before = {path: path.stat().st_mtime_ns for path in whole.iterdir()}
    status, out, _ = cli(*GRASP, "--out", whole, "--grasps", 1)
    assert status == 0 and out == f"{whole}: {SHARD} grasps; card.json tells what they are\n"
    assert {path: path.stat().st_mtime_ns for path in whole.iterdir()} == before


def test_without_the_extra_it_says_what_is_missing(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "control_bench.grasping.dataset", None)
    status, _, err = cli("dataset", "grasp", "--out", tmp_path / "out", "--grasps", 1)
    assert status == 2 and "pip install 'control_bench[grasp]'" in err
