"""TensorBoard curves that are written only up to the last checkpoint, so that a resumed run never overlaps itself."""

from pathlib import Path


class Curves:
    """Collects points, and writes them when told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._points: list[tuple[int, str, float]] = []

    def add(self, step: int, values: dict[str, float]) -> None:
        """Points of several curves at one step."""
        self._points += [(step, name, value) for name, value in values.items()]

    def flush(self) -> None:
        """Writes what was collected to an events file of its own, whose closing is what puts every point on disk."""
        if not self._points:
            return
        from tensorboardX import SummaryWriter  # slow to import, and of no use to those who only run policies

        suffix = f".{self._points[-1][0]:012d}"  # two files of one second must not have one name
        with SummaryWriter(str(self._folder / "curves"), filename_suffix=suffix) as writer:
            for step, name, value in self._points:
                writer.add_scalar(name, value, step)
        self._points.clear()
