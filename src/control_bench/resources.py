"""Where the package's maps, robots, settings and policies lie: in the source tree, or in share/ of what installed
it; and classes by their names."""

import contextlib
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from control_bench.errors import BadInput, nearest


@cache
def share() -> Path:
    """The folder that holds `maps/`, `config/` and `policies/`: of a checkout, a catkin install space or a pip
    install."""
    for folder in Path(__file__).resolve().parents:
        for candidate in (folder, folder / "share" / "control_bench"):
            if (candidate / "package.xml").is_file() and (candidate / "maps").is_dir():
                return candidate
    raise FileNotFoundError("control_bench is installed without its share folder: install it again")


def locate(folder: str, name: str, suffix: str = ".yaml") -> Path:
    """A file of the user's by its path, or one of ours by its name: `locate("maps", "track")`; BadInput if neither."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    ours = share() / folder / f"{name}{suffix}"
    if ours.is_file():
        return ours
    if path.suffix or len(path.parts) > 1:
        raise BadInput(f"{path}: no such file")
    known = [p.stem for p in (share() / folder).glob(f"*{suffix}")]
    raise BadInput(f"there is no '{name}' among our {folder}, {nearest(name, known)} (or give a file's path)")


def load_class(target: str) -> Any:
    """A class or function by `module:name`, imported only now."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@contextlib.contextmanager
def needing(what: str, extras: str) -> Iterator[None]:
    """Around imports of libraries that only some installs have: BadInput, with what to install, where one is missing.

    Args:
        what: needs them, as the error names it. extras: ours that bring them, with commas between.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise BadInput(f"{what} needs {error.name}: pip install 'control_bench[{extras}]'") from None
