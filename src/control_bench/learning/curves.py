"""TensorBoard curves that are written only up to the last checkpoint, so that a resumed run never overlaps itself."""

import os
import shutil
from pathlib import Path


class Curves:
    """Collects points, and writes them in two steps with a checkpoint between: a process killed before it leaves none
    of them to see, one killed after it leaves them to whoever goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._points: list[tuple[int, str, float]] = []

    def add(self, step: int, values: dict[str, float]) -> None:
        """Points of several curves at one step."""
        self._points += [(step, name, value) for name, value in values.items()]

    def _waiting(self, step: int) -> Path:
        return self._folder / f".curves-{step:012d}"

    def write(self, step: int) -> None:
        """Writes what was collected to an events file of its own, which waits for the checkpoint of this step."""
        if not self._points:
            return
        from tensorboardX import SummaryWriter  # slow to import, and of no use to those who only run policies

        suffix = f".{self._points[-1][0]:012d}"  # two files of one second must not have one name
        with SummaryWriter(str(self._waiting(step)), filename_suffix=suffix) as writer:
            for at, name, value in self._points:
                writer.add_scalar(name, value, at)
        self._points.clear()

    def show(self, step: int) -> None:
        """The checkpoint of this step is written: puts what waited for it where TensorBoard looks, and forgets what
        waited for one that never was."""
        for folder in sorted(self._folder.glob(".curves-*")):
            if folder == self._waiting(step):
                (self._folder / "curves").mkdir(exist_ok=True)
                for file in folder.iterdir():
                    os.replace(file, self._folder / "curves" / file.name)
            shutil.rmtree(folder)
