"""bin: clear a heap of objects, one grasp after the other.

Source: Mahler and Goldberg 2017: objects are dropped into a heap, and grasped one by one, until none is left or grasps
have failed too often in a row.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from control_bench.settings import require
from control_bench.tasks.base import Judgement
from control_bench.tasks.grasp import Grasp, GraspSettings
from control_bench.worlds.base import Readings

FALL = 0.1
"""m over the table, or what lies there, from which objects fall."""
FAILURES = 3
"""In a row, after which nobody tries any longer."""


@dataclass(frozen=True)
class BinSettings(GraspSettings):
    """What can be set of bin alone; spread is of where objects fall.

    Attributes:
        count: objects, 5 to 20.
    """

    spread: float = 0.07
    count: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        require(5 <= self.count <= 20, f"count: {self.count!r} should be 5 to 20")
        require(not self.shift_most, "shift_most: in a heap nothing is moved: leave it out")
        require(not self.closed_loop, "closed_loop: a heap is cleared with one picture a grasp: leave it out")


class Bin(Grasp):
    """See Grasp. A step is a whole grasp; a controller that sees none to be had has failed too."""

    name = "bin"
    Settings = BinSettings
    score_units = Grasp.score_units | {"success_rate": "", "cleared": "", "picks_an_hour": "1/h"}

    def __init__(self, settings: BinSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings, rows)
        self._picked, self._failed = np.zeros((2, rows), np.int64)

    @property
    def slots(self) -> int:
        return self.settings.count

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Objects in any attitude, each falling on what lies there."""
        s, slots = self.settings, []
        for number in rng.choice(len(self.names), s.count, replace=len(self.names) < s.count):
            turned = Rotation.from_quat(rng.normal(size=4))
            slots += [number, *rng.uniform(-s.spread, s.spread, 2), FALL, *turned.as_quat()]
        return np.array(slots)

    def judge(self, readings: Readings, first: np.ndarray) -> Judgement:
        self._count(readings, first)
        self._picked = np.where(first, 0, self._picked + self._held)
        self._failed = np.where(first | self._held, 0, self._failed + 1)
        over = ((readings["left"] == 0) | (self._failed >= FAILURES)) & ~first
        return Judgement(self._held.astype(float), over, np.zeros(self.rows, dtype=bool))

    def outcome(self, row: int) -> str:
        return "gave up" if self._failed[row] >= FAILURES else "emptied"

    def scores(self, row: int) -> dict[str, float]:
        """success_rate: of the grasps. cleared: the share of the objects that were grasped. picks_an_hour: objects
        grasped, at the time that a whole grasp is given, without planning."""
        picked, steps = float(self._picked[row]), float(self._steps[row])
        rate = picked / steps
        return super().scores(row) | {
            "success_rate": rate,
            "cleared": picked / self.settings.count,
            "picks_an_hour": rate * 3600.0 / self.step_duration,
        }

    def get_state(self) -> dict:
        return super().get_state() | {"picked": self._picked.copy(), "failed": self._failed.copy()}

    def set_state(self, state: dict) -> None:
        super().set_state(state)
        self._picked, self._failed = np.array(state["picked"]), np.array(state["failed"])
