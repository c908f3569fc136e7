"""Checkpoints: a policy, and what learning on needs, in one file that can hold arrays and plain values only.

A checkpoint is a zip of `.npy` arrays beside a JSON text that says where they belong, so nothing in it can run code,
and it opens without torch. Files are written beside and renamed: a kill never leaves half a checkpoint.
"""

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from control_bench.errors import BadInput
from control_bench.files import write_beside

FORMAT = "control_bench checkpoint 1"
TREE = "tree.json"
DAMAGE = (
    zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError, EOFError, OSError, MemoryError,
    NotImplementedError, RecursionError, RuntimeError,
)  # fmt: skip
"""What reading a damaged or crafted file can raise."""


def _pack(value: Any, arrays: list[np.ndarray]) -> Any:
    """A tree as JSON takes it, its arrays moved to the list."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": {str(key): _pack(item, arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [_pack(item, arrays) for item in value]}
    return {"plain": value.item() if isinstance(value, np.generic) else value}


def _unpack(node: dict, read) -> Any:
    ((kind, value),) = node.items()
    if kind == "array":
        return read(int(value))
    if kind == "dict":
        return {key: _unpack(item, read) for key, item in value.items()}
    return [_unpack(item, read) for item in value] if kind == "list" else value


def save(path: str | Path, tree: dict[str, Any]) -> None:
    """Writes nested dicts and lists of arrays, numbers, texts, booleans and None."""
    arrays: list[np.ndarray] = []
    text = json.dumps({"format": FORMAT, "tree": _pack(tree, arrays)})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(TREE, text)
        for number, array in enumerate(arrays):
            with archive.open(f"{number}.npy", "w", force_zip64=True) as file:  # a replay of pictures is soon 2 GiB
                np.lib.format.write_array(file, array, allow_pickle=False)
    write_beside(Path(path), packed.getvalue())


def load(path: str | Path, mend: str = "name one that `train` wrote") -> dict[str, Any]:
    """Reads what `save` wrote; BadInput, with the mend, if the file is missing, cut short, or anything but a
    checkpoint."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: there is no such checkpoint: name a file or a training folder")
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read(TREE))
            if head["format"] != FORMAT:
                raise BadInput(f"{path}: made by another version ({head['format']}): train it again")

            def read(number: int) -> np.ndarray:
                with archive.open(f"{number}.npy") as file:
                    return np.lib.format.read_array(file, allow_pickle=False)

            tree = _unpack(head["tree"], read)
            if not isinstance(tree, dict):
                raise ValueError("it holds no mapping")
            return tree
    except BadInput:
        raise
    except DAMAGE as error:
        reason = "it is cut short or damaged" if zipfile.is_zipfile(path) else "it is cut short, or of another kind"
        raise BadInput(f"{path}: not a checkpoint of ours ({reason}): {mend}") from error


def locate_checkpoint(path: str | Path) -> Path:
    """A checkpoint's file: of a training folder, its best (or its last, where none was judged best yet)."""
    path = Path(path).expanduser()
    if path.is_dir():
        for name in ("best.pt", "last.pt"):
            if (path / name).is_file():
                return path / name
        raise BadInput(f"{path}: holds neither best.pt nor last.pt: name a training folder or a file")
    return path
