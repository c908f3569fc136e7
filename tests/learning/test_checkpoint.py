"""Checkpoints: they hold what was saved, run nothing, are whole or not there, and say in one line what is wrong."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from control_bench import files
from control_bench.errors import BadInput
from control_bench.learning.checkpoint import FORMAT, TREE, load, locate_checkpoint, save

PLAIN = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats() | st.text(max_size=8)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_, "<U3"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
TREES = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        PLAIN | ARRAYS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)
SMALL = {"policy": {"weights": np.arange(50.0), "n": 3}, "task": "drivebot"}


def same(one, other):
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray) and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.tobytes() == other.tobytes()
        )  # fmt: skip
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def refusal(path):
    """What `load` refuses a file with, once it is sure to be one line that names the file."""
    with pytest.raises(BadInput) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def archive(path, tree=None, entries=None, head=None):
    """A checkpoint by hand: a tree as JSON has it, and the bytes of its other entries."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(TREE, json.dumps(head if head is not None else {"format": FORMAT, "tree": tree}))
        for name, content in (entries or {}).items():
            file.writestr(name, content)
    return path


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@given(tree=TREES)
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_tree_comes_back_as_it_was(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree.pt"
    save(path, tree)
    assert same(tree, load(path))


def test_tuples_come_back_as_lists_and_numpys_scalars_as_pythons(tmp_path):
    save(tmp_path / "a.pt", {"tuple": (1, (2.5, None)), "scalar": np.float32(0.5), "flag": np.bool_(True)})
    assert same(load(tmp_path / "a.pt"), {"tuple": [1, [2.5, None]], "scalar": 0.5, "flag": True})


def test_a_generators_state_comes_back_exactly(tmp_path):
    rng = np.random.default_rng(5)
    rng.random(3)
    save(tmp_path / "a.pt", {"rng": rng.bit_generator.state})
    other = np.random.default_rng(0)
    other.bit_generator.state = load(tmp_path / "a.pt")["rng"]
    assert other.random(5).tolist() == rng.random(5).tolist()


def test_an_array_larger_than_a_zips_first_limit_comes_back(tmp_path, monkeypatch):
    # A replay of pictures passes the 2 GiB that a zip without its extension holds a file of.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    large = np.random.default_rng(0).integers(0, 255, 5000, dtype=np.uint8)
    save(tmp_path / "large.pt", {"large": large})
    np.testing.assert_array_equal(load(tmp_path / "large.pt")["large"], large)


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    save(tmp_path / "a" / "b" / "c.pt", SMALL)
    save(tmp_path / "a" / "b" / "c.pt", SMALL | {"task": "other"})
    assert load(tmp_path / "a" / "b" / "c.pt")["task"] == "other"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.pt"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, share):
    save(tmp_path / "a.pt", SMALL)
    whole = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(whole[: int(share * len(whole))])
    assert "not a checkpoint of ours (it is cut short" in refusal(tmp_path / "a.pt")


@given(content=st.binary(max_size=300), zipped=st.booleans())
@hypothesis_settings(max_examples=40, deadline=None)
def test_random_bytes_are_refused(tmp_path_factory, content, zipped):
    path = tmp_path_factory.getbasetemp() / "random.pt"
    if zipped:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(TREE, content)
    else:
        path.write_bytes(content)
    assert "not a checkpoint of ours" in refusal(path)


def test_a_file_with_one_damaged_byte_is_refused_or_read_as_it_was(tmp_path):
    path = tmp_path / "a.pt"
    save(path, SMALL)
    whole, escaped, refused = path.read_bytes(), {}, 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert same(load(path), SMALL)  # some bytes, such as the time of writing, mean nothing
        except BadInput:
            refused += 1
        except Exception as error:
            escaped.setdefault(type(error).__name__, (place, str(error)))
    assert not escaped and refused > 0.5 * len(whole)


def test_pickles_are_refused_and_run_nothing(tmp_path):
    trap = tmp_path / "ran"
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil(trap)))
    torch.save({"policy": Evil(trap)}, tmp_path / "torch.pt")
    torch.save({"policy": Evil(trap)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({"policy": torch.zeros(3)}, tmp_path / "harmless.pt")
    for name in ("plain", "torch", "old", "harmless"):
        assert "not a checkpoint of ours" in refusal(tmp_path / f"{name}.pt")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Evil(trap)))
    assert trap.exists()  # the trap does work


def test_arrays_of_objects_are_refused_and_run_nothing(tmp_path):
    trap = tmp_path / "ran"
    objects = io.BytesIO()
    np.save(objects, np.array([Evil(trap)], dtype=object), allow_pickle=True)
    path = archive(tmp_path / "a.pt", {"dict": {"policy": {"array": 0}}}, {"0.npy": objects.getvalue()})
    refusal(path)
    np.savez(tmp_path / "a.npz", policy=np.array([Evil(trap)], dtype=object))
    refusal(tmp_path / "a.npz")
    assert not trap.exists()


def test_arrays_of_objects_cannot_be_saved_either(tmp_path):
    with pytest.raises(ValueError, match="[Oo]bject arrays"):
        save(tmp_path / "a.pt", {"policy": np.array([object()])})
    assert not (tmp_path / "a.pt").exists()


@pytest.mark.parametrize(
    "tree",
    [{"array": 3}, {"array": "x"}, {"dict": []}, {"list": 5}, {}, {"dict": {}, "list": []}, [], 7, None, {"plain": 3}],
)
def test_a_tree_that_makes_no_sense_is_refused(tmp_path, tree):
    assert "not a checkpoint of ours" in refusal(archive(tmp_path / "a.pt", tree))


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000000,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    refusal(archive(tmp_path / "a.pt", {"dict": {"policy": {"array": 0}}}, {"0.npy": content}))


@pytest.mark.parametrize("head", [[], {}, {"format": FORMAT}, "text", 3])
def test_a_head_that_makes_no_sense_is_refused(tmp_path, head):
    refusal(archive(tmp_path / "a.pt", head=head))


def test_a_checkpoint_of_another_version_says_so(tmp_path):
    path = archive(tmp_path / "a.pt", head={"format": "control_bench checkpoint 0", "tree": {"dict": {}}})
    assert "another version (control_bench checkpoint 0)" in refusal(path)


def test_a_missing_file_is_refused(tmp_path):
    assert "no such checkpoint" in refusal(tmp_path / "none.pt")
    assert "no such checkpoint" in refusal(tmp_path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit()])
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_stopped_in_mid_write_the_old_file_is_kept(tmp_path, monkeypatch, error, call):
    path = tmp_path / "a.pt"
    save(path, SMALL)

    def fail(*args):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(files.os, call, fail)
        expected = BadInput if isinstance(error, OSError) else type(error)
        with pytest.raises(expected) as caught:
            save(path, SMALL | {"task": "other"})
    assert same(load(path), SMALL)
    if isinstance(error, OSError):
        assert f"{path}: can't be written (No space left on device)" in str(caught.value)
        assert [one.name for one in tmp_path.iterdir()] == ["a.pt"]  # and nothing half-written beside it
    save(path, SMALL | {"task": "other"})
    assert load(path)["task"] == "other"


def test_an_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.pt").mkdir()
    for path in (tmp_path / "file" / "a.pt", tmp_path / "file" / "b" / "a.pt", tmp_path / "folder.pt"):
        with pytest.raises(BadInput) as caught:
            save(path, SMALL)
        assert f"{path}: can't be written (" in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder.pt"]


def test_a_training_folder_stands_for_its_best_else_its_last(tmp_path):
    with pytest.raises(BadInput, match="neither best.pt nor last.pt"):
        locate_checkpoint(tmp_path)
    save(tmp_path / "last.pt", SMALL)
    assert locate_checkpoint(tmp_path) == tmp_path / "last.pt"
    save(tmp_path / "best.pt", SMALL)
    assert locate_checkpoint(str(tmp_path)) == tmp_path / "best.pt"
    assert locate_checkpoint(tmp_path / "last.pt") == tmp_path / "last.pt"
