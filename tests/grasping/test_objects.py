"""The objects by name: which there are, and that none is both trained and tested on."""

import itertools

import numpy as np
import pytest
import trimesh

from control_bench.errors import BadInput
from control_bench.grasping import objects
from control_bench.grasping.objects import OTHERS, SPLITS, SharedObjects, load_object, object_names


def test_the_splits_share_no_object():
    names = {split: object_names(split) for split in SPLITS}
    for one, other in itertools.combinations(names.values(), 2):
        assert not set(one) & set(other)
    assert {split: len(listed) for split, listed in names.items()} == {"train": 799, "validate": 100, "test": 100}
    assert (
        len(set(names["train"])) == 799 and names["validate"][0] == "random/800" and names["test"][-1] == "random/999"
    )


def test_the_object_that_is_empty_is_left_out():
    assert "random/168" not in object_names("train") and "random/167" in object_names("train")
    with pytest.raises(BadInput, match="168.obj: has corners that are no numbers"):
        load_object("random/168")


def test_several_words_stand_for_all_of_theirs_in_order():
    assert object_names(" duck, random/005 ,validate,")[:3] == ["duck", "random/005", "random/800"]


def test_a_folder_stands_for_its_meshes(tmp_path):
    for name in ("b.obj", "a.STL", "c.urdf", "d.ply", "notes.txt", "b.mtl"):
        (tmp_path / name).touch()
    assert object_names(str(tmp_path)) == [str(tmp_path / name) for name in ("a.STL", "b.obj", "c.urdf", "d.ply")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="empty: holds no meshes"):
        object_names(f"duck,{tmp_path / 'empty'}")


@pytest.mark.parametrize(
    "word, told",
    [
        ("dukc", "did you mean 'duck'?"),
        ("tran", "did you mean 'train'?"),
        ("random/1000", "random/000 to random/999"),
        ("random/7", "random/000 to random/999"),
        ("random/abc", "random/000 to random/999"),
        ("nothing_like_it", "there is: domino, duck"),
        ("", "name some"),
        (" , ", "name some"),
    ],
)
def test_a_word_that_stands_for_nothing_is_told(word, told):
    with pytest.raises(BadInput) as refused:
        object_names(word)
    assert told in str(refused.value) and word.strip(" ,") in str(refused.value)


@pytest.mark.parametrize("name", ["random/000", "random/999", *OTHERS])
def test_ours_can_be_read(name):
    obj = load_object(name)
    assert obj.name == name and len(obj.parts) >= 1 and 0.02 < obj.size.max() < 0.2
    assert load_object(name) is obj  # read once


def test_what_one_process_has_read_another_finds_the_same(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(objects, "load_object", lambda name: read.append(name) or load_object(name))
    one, other = SharedObjects(tmp_path), SharedObjects(tmp_path)
    first, found = one("duck"), other("duck")
    assert read == ["duck"] and found is other("duck") is not first
    for name in ("vertices", "faces", "normals", "areas"):
        np.testing.assert_array_equal(getattr(found, name), getattr(first, name))
    assert all((mine == its).all() for mine, its in zip(first.parts, found.parts, strict=True))
    assert "stable_poses" in vars(found)  # told, not found anew
    for mine, its in zip(first.stable_poses, found.stable_poses, strict=True):
        np.testing.assert_array_equal(mine.rotation, its.rotation)
        assert (mine.height, mine.probability) == (its.height, its.probability)


def test_a_jenga_block_is_as_large_as_its_file_says():
    assert sorted(load_object("jenga").size) == pytest.approx([0.03, 0.05, 0.15])


def test_a_file_of_the_users_is_read_by_its_path(tmp_path):
    trimesh.creation.box((0.02, 0.03, 0.04)).export(tmp_path / "mine.stl")
    assert object_names(str(tmp_path / "mine.stl")) == [str(tmp_path / "mine.stl")]
    assert load_object(str(tmp_path / "mine.stl")).size == pytest.approx((0.02, 0.03, 0.04))
