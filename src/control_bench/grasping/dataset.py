"""A data set of grasps on disk: a folder of shards, each an .npz of columns, and a card that says what is in them.

A shard is drawn from the data set's seed and its own number, and written whole or not at all. So a data set that was
cut short goes on where it stood, and is the same in the end, however many processes drew it.
"""

import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from control_bench import __version__
from control_bench.errors import BadInput
from control_bench.files import write_beside
from control_bench.grasping.examples import KINDS, ExampleSettings, draw_examples
from control_bench.grasping.meshes import ObjectMesh
from control_bench.grasping.objects import SPLITS, SharedObjects, load_object, object_names
from control_bench.jobs import ProcessEnded, do_jobs
from control_bench.settings import fill

DAMAGED = "{}: damaged: delete it, and `control-bench dataset` draws it again, the same"
FORMAT = "control_bench grasps 1"
SHARD = 1000
"""Grasps of a shard."""
SHARDS = ("train",) * 8 + ("validate", "test")
"""Which of the splits a shard's objects are of, by the last digit of its number."""
COLUMNS = {
    "crop": "float16 (32, 32), m: the noiseless depth picture around the grip point, turned so that the jaws close "
    "along its rows, 4 mm a pixel at the grasp's depth, less that depth",
    "depth": "float32, m: of the grip point along the camera's axis",
    "angle": "float32, rad: of the jaws' axis in the camera's picture, from right to down",
    "pixel": "float32 (2,): column and row of the grip point in the camera's picture",
    "height": "float32, m: of the grip point over the table",
    "kind": f"int8: how it was drawn: {', '.join(f'{number} {kind}' for number, kind in enumerate(KINDS))}",
    "collision_free": "bool: the open gripper comes straight down to it without touching the object",
    "force_closure": "float32: share of the draws in which both jaws meet the object within their friction cones",
    "epsilon": "float32: mean over the draws of the epsilon quality of two soft contacts, 0 where it is no closure",
    "object": "int32: place in the card's list of the shard's split",
    "image": "int32: number of the image in its shard",
}


@dataclass(frozen=True)
class Card:
    """What a data set was made from; the same card makes the same data set."""

    settings: ExampleSettings
    seed: int
    objects: dict[str, list[str]]

    def content(self) -> dict[str, Any]:
        return {
            "format": FORMAT, "made by": f"control_bench {__version__}", "seed": self.seed, "grasps of a shard": SHARD,
            "splits of shards, by the last digit": list(SHARDS), "columns": COLUMNS,
            "settings": asdict(self.settings), "objects": self.objects,
        }  # fmt: skip

    def draw(self, number: int, load: Callable[[str], ObjectMesh] = load_object) -> dict[str, np.ndarray]:
        """The columns of a shard; load: what objects come from."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, number]))
        return draw_examples(self.objects[split_of(number)], self.settings, SHARD, rng, load)


def split_of(number: int) -> str:
    """Which split's objects a shard is of."""
    return SHARDS[number % len(SHARDS)]


def make_card(settings: ExampleSettings, seed: int, objects: str | None = None) -> Card:
    """Of random_urdfs by its split; or of one's own objects (see `object_names`), every tenth to validate and the next
    to test on."""
    if objects is None:
        return Card(settings, seed, {split: object_names(split) for split in SPLITS})
    names = object_names(objects)
    if len(names) < len(SHARDS):
        raise BadInput(f"objects: {len(names)} are too few to hold some back for tests: name {len(SHARDS)} or more")
    return Card(settings, seed, {
        split: [name for number, name in enumerate(names) if split_of(number) == split] for split in SPLITS
    })  # fmt: skip


def shard_file(folder: Path, number: int) -> Path:
    """Where a shard is kept."""
    return folder / f"shard_{number:05d}.npz"


def begin(folder: Path, card: Card) -> None:
    """Writes the card, or checks that the one of the shards that are there is the same; BadInput where it is not."""
    path, content = folder / "card.json", json.loads(json.dumps(card.content()))
    drawn = folder.is_dir() and any(folder.glob("shard_*.npz"))
    there = read_card(folder) if path.is_file() else None
    if there and drawn:
        for name in ("seed", "settings", "objects", "grasps of a shard"):
            if there.get(name) != content[name]:
                differing = name
                if name == "settings":
                    differing = next(key for key in content[name] if there[name].get(key) != content[name][key])
                raise BadInput(
                    f"{folder}: holds a data set that differs in its {differing}: name another folder, or its own"
                )
        return
    if drawn:
        raise BadInput(f"{folder}: holds shards without a card: name another folder")
    write_beside(path, json.dumps(content, indent=1).encode())


def read_card(folder: Path) -> dict[str, Any]:
    """A data set's card; BadInput where there is none, or it can't be read."""
    path = Path(folder).expanduser() / "card.json"
    if not path.is_file():
        raise BadInput(f"{folder}: no data set of grasps: make one with `control-bench dataset grasp --out {folder}`")
    try:
        card = json.loads(path.read_text())
        if card["format"] != FORMAT:
            raise BadInput(f"{path}: of another version ({card['format']}): make the data set again")
        fill(ExampleSettings, card["settings"], f"{path}: settings")
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: damaged: make the data set again in another folder") from None
    return card


def write_shard(folder: Path, card: Card, number: int, load: Callable[[str], ObjectMesh] = load_object) -> None:
    """Draws a shard and writes it."""
    packed = io.BytesIO()
    np.savez_compressed(packed, **card.draw(number, load))
    write_beside(shard_file(folder, number), packed.getvalue())


def missing(folder: Path, grasps: int) -> list[int]:
    """The numbers of the shards that are still to be drawn for so many grasps."""
    return [number for number in range(-(-grasps // SHARD)) if not shard_file(folder, number).is_file()]


def generate(
    folder: Path, card: Card, grasps: int, processes: int = 1,
    report: Callable[[int], None] = lambda grasps: None, stop: Callable[[], bool] = lambda: False,
) -> None:  # fmt: skip
    """Draws what is missing of so many grasps, rounded up to whole shards; `report` is told of grasps as they come.

    On `stop()`, which is asked after every shard, the shards under way are finished.
    """
    begin(folder, card)
    numbers = missing(folder, grasps)
    if processes == 1 or len(numbers) < 2:
        for number in numbers:
            if stop():
                return
            write_shard(folder, card, number)
            report(SHARD)
        return
    with tempfile.TemporaryDirectory() as shared:
        draw = partial(_draw_alone, folder, card, SharedObjects(Path(shared)))
        try:
            do_jobs(draw, numbers, processes, lambda: report(SHARD), stop)
        except ProcessEnded as error:
            raise BadInput(f"{folder}: {error}: the same command goes on from here") from None


def _draw_alone(folder: Path, card: Card, load: Callable[[str], ObjectMesh], number: int) -> None:
    """In a process beside others."""
    torch.set_num_threads(1)
    write_shard(folder, card, number, load)


def load_split(folder: Path, split: str, columns: Iterable[str]) -> dict[str, np.ndarray]:
    """Some columns of all grasps of a split; BadInput where there is none, or a shard is damaged or missing."""
    folder = Path(folder).expanduser()
    read_card(folder)
    drawn = folder.glob(f"shard_{'[0-9]' * 5}.npz")
    count = 1 + max((int(file.stem.removeprefix("shard_")) for file in drawn), default=-1)
    gaps = missing(folder, count * SHARD)
    if gaps:
        raise BadInput(
            f"{shard_file(folder, gaps[0])}: missing, though later ones are there: `control-bench dataset` draws it"
        )
    files = [shard_file(folder, number) for number in range(count) if split_of(number) == split]
    if not files:
        raise BadInput(f"{folder}: holds no grasps to {split} yet: draw {SHARD * len(SHARDS)} or more")
    columns = list(columns)
    parts = [_read_shard(file, columns) for file in files]
    for file, part in zip(files, parts, strict=True):
        shapes = {(len(part[name]), part[name].shape[1:] == parts[0][name].shape[1:]) for name in columns}
        if shapes != {(len(parts[0][columns[0]]), True)}:
            raise BadInput(DAMAGED.format(file))
    return {name: np.concatenate([part[name] for part in parts]) for name in columns}


def _read_shard(file: Path, columns: Iterable[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as shard:
            return {name: shard[name] for name in columns}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise BadInput(DAMAGED.format(file)) from None
