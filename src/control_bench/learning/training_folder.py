"""What every training keeps in its folder: `best.pt`, `last.pt`, and the curves up to there."""

from pathlib import Path
from typing import Any

from control_bench.learning.checkpoint import load, save
from control_bench.learning.curves import Curves


class TrainingFolder:
    """The folder of one training.

    Args:
        about: what every checkpoint says of itself (task, controller, settings, spaces).

    Attributes:
        curves: collects points, which are seen with the next `last.pt`, so that a resumed curve never runs over itself.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._about, self.curves = about, Curves(path)
        self.best, self.last = path / "best.pt", path / "last.pt"
        self._kept: float | None = None  # the score of what is in best.pt

    def save_best(self, policy: dict, steps: int, score: float) -> None:
        """Keeps a policy, if it is better than the one that was kept."""
        if self._kept is None or score > self._kept:
            save(self.best, self._about | {"steps": steps, "score": score, "policy": policy})
            self._kept = score

    def save_last(self, policy: dict, steps: int, score: float | None, training: dict[str, Any]) -> None:
        """Keeps where a training stands; `training` is all that its coming steps depend on."""
        self.curves.write(steps)
        save(self.last, self._about | {"steps": steps, "score": score, "policy": policy, "training": training})
        self.curves.show(steps)

    def take_up(self) -> dict[str, Any]:
        """What `last.pt` holds; curves are as they were then."""
        contents = load(self.last)
        self.curves.show(contents["steps"])
        self._kept = contents["training"]["progress"]["best"]  # what was kept after that is found, or bettered, again
        return contents
