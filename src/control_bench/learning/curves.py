"""TensorBoard curves that are written only up to the last checkpoint, so that a resumed run never overlaps itself."""

from pathlib import Path


class Curves:
    """Collects points, and writes them when told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._points: list[tuple[int, str, float]] = []
        self._writer = None

    def add(self, step: int, values: dict[str, float]) -> None:
        """Points of several curves at one step."""
        self._points += [(step, name, value) for name, value in values.items()]

    def flush(self) -> None:
        """Writes what was collected; the file is made with the first point."""
        if self._writer is None:
            from tensorboardX import SummaryWriter  # slow to import, and of no use to those who only run policies

            self._writer = SummaryWriter(str(self._folder / "curves"))
        for step, name, value in self._points:
            self._writer.add_scalar(name, value, step)
        self._points.clear()
        self._writer.flush()
