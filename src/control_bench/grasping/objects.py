"""The objects that are there by name: pybullet_data's thousand random ones, split so that none is trained and tested
on, and a few of its others."""

import hashlib
import pickle
from functools import lru_cache
from pathlib import Path

from control_bench.errors import BadInput, nearest
from control_bench.files import write_beside
from control_bench.grasping.meshes import MESHES, ObjectMesh, read_object

SPLITS: dict[str, range] = {"train": range(0, 800), "validate": range(800, 900), "test": range(900, 1000)}
"""Of random_urdfs, by number."""
EMPTY = (168,)
"""Of random_urdfs: their corners are no numbers."""
OTHERS = {
    "duck": "duck_vhacd.urdf",
    "mug": "objects/mug.urdf",
    "teddy": "teddy_vhacd.urdf",
    "lego": "lego/lego.urdf",
    "domino": "domino/domino.urdf",
    "jenga": "jenga/jenga.urdf",
}
"""Of pybullet_data, by the names that they go by here."""


def object_names(objects: str) -> list[str]:
    """The names or files that a word stands for: a split, one object, a mesh, or a folder of meshes, or several of
    these with commas between; BadInput for what is none."""
    names: list[str] = []
    for word in filter(None, (part.strip() for part in objects.split(","))):
        if word in SPLITS:
            names += [f"random/{number:03d}" for number in SPLITS[word] if number not in EMPTY]
        elif Path(word).expanduser().is_dir():
            files = sorted(p for p in Path(word).expanduser().iterdir() if p.suffix.lower() in (*MESHES, ".urdf"))
            names += map(str, files)
            if not files:
                raise BadInput(f"{word}: holds no meshes ({', '.join(MESHES)}, .urdf)")
        else:
            _path_of(word)
            names.append(word)
    if not names:
        raise BadInput("objects: name some: train, validate, test, a file, a folder, or one of ours such as duck")
    return names


def _path_of(name: str) -> Path:
    import pybullet_data

    folder = Path(pybullet_data.getDataPath())
    if name in OTHERS:
        return folder / OTHERS[name]
    kind, slash, number = name.partition("/")
    if kind == "random" and slash:
        if number.isdigit() and len(number) == 3:
            return folder / "random_urdfs" / number / f"{number}.urdf"
        raise BadInput(f"there is no object '{name}': random/000 to random/999")
    path = Path(name).expanduser()
    if not path.is_file():
        known = [*OTHERS, *SPLITS, "random/000"]
        raise BadInput(f"there is no object '{name}', {nearest(name, known)} (or give a mesh's path)")
    return path


@lru_cache(maxsize=2048)
def load_object(name: str) -> ObjectMesh:
    """An object of ours by its name, or a file of the user's by its path."""
    return read_object(_path_of(name), name=name)


class SharedObjects:
    """`load_object` for processes beside each other: what one has read, and how it lies on a table, the others find in
    a folder of theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._known = folder, {}

    def __call__(self, name: str) -> ObjectMesh:
        if name not in self._known:
            file = self._folder / hashlib.sha256(name.encode()).hexdigest()
            self._known[name] = pickle.loads(file.read_bytes()) if file.is_file() else self._read(name, file)
        return self._known[name]

    def _read(self, name: str, file: Path) -> ObjectMesh:
        obj = load_object(name)
        _ = obj.stable_poses  # found now, they are written too
        write_beside(file, pickle.dumps(obj))
        return obj
