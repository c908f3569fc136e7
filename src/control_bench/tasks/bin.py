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
from control_bench.worlds.phase import Phase

FALL = 0.1
"""m over the table, or what lies there, from which objects fall."""
FAILURES = 3
"""In a row, after which nobody tries any longer."""
MEMORY = ("picked", "failed", "tries", "idle")
IDLE = 1.0
"""s, that a hand waits at home for a grasp before that counts as a failure too; in one go a step is longer."""


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


class Bin(Grasp):
    """See Grasp. A controller that sees no grasp to be had has failed too."""

    name = "bin"
    Settings = BinSettings
    score_units = Grasp.score_units | {"success_rate": "", "cleared": "", "picks_an_hour": "1/h"}

    def __init__(self, settings: BinSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings, rows)
        self._picked, self._failed, self._tries, self._idle = np.zeros((4, rows), np.int64)

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
        waits = (readings["phase"] == Phase.HOME) & ~readings["finished"] & (readings["command"][:, 4] < 0.0)
        self._idle = np.where(waits & ~first, self._idle + 1, 0)
        late = self._idle * self.step_duration >= IDLE
        self._idle[late] = 0
        tried = (readings["finished"] | late) & ~first
        self._tries = np.where(first, 0, self._tries + tried)
        self._picked = np.where(first, 0, self._picked + self._held)
        self._failed = np.where(first | self._held, 0, self._failed + tried)
        over = ((readings["left"] == 0) | (self._failed >= FAILURES)) & ~first
        return Judgement(self._held.astype(float), over, np.zeros(self.rows, dtype=bool))

    def outcome(self, row: int) -> str:
        return "gave up" if self._failed[row] >= FAILURES else "emptied"

    def scores(self, row: int) -> dict[str, float]:
        """success_rate: of the tries. cleared: the share of the objects that were grasped. picks_an_hour: objects
        grasped, at the time that steps are given: 8 s for one that is a whole grasp."""
        picked = float(self._picked[row])
        return super().scores(row) | {
            "success_rate": picked / max(float(self._tries[row]), 1.0),
            "cleared": picked / self.settings.count,
            "picks_an_hour": picked * 3600.0 / (float(self._steps[row]) * self.step_duration),
        }

    def get_state(self) -> dict:
        return super().get_state() | {name: getattr(self, f"_{name}").copy() for name in MEMORY}

    def set_state(self, state: dict) -> None:
        super().set_state(state)
        for name in MEMORY:
            setattr(self, f"_{name}", np.array(state[name]))
