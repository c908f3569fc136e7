"""balance: keep a pole upright that stands on a cart, unattached, by pushing the cart about; from poses or pixels.

Source: matpalm's cartpole++ (2016), see `tasks/pole.py`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from gymnasium import spaces

from control_bench.settings import require
from control_bench.tasks.history import History
from control_bench.tasks.pole import PoleSettings, PoleTask
from control_bench.worlds.base import Readings
from control_bench.worlds.boxes import read_box
from control_bench.worlds.renderer import Camera, Renderer

EYES = ((0.0, 0.75, 0.75), (0.75, 0.0, 0.75))
TARGET = (0.0, 0.0, 0.3)
NEAR = {"default": 0.1, "article": 1.0}
"""m: the article's cameras cut off what is nearer than 1 m, and with it the pole that they look at."""
CARRIERS = {
    "default": "control_bench.worlds.carriers:Cart",
    "article": "control_bench.worlds.carriers:ArticleCart",
}
"""By fidelity, see PoleTask."""


@dataclass(frozen=True)
class BalanceSettings(PoleSettings):
    """What can be set of balance alone.

    Attributes:
        fidelity: default, physically right; article, with the faults of its code (docs/cartpole.md): with them a step
            that fails earns as any other, but for effort, which is from before that fault.
        observation: poses (repeats, 2, 7) of cart and pole, or pixels (size, size, 3 x cameras x repeats).
        cameras: 1 or 2; size: of a picture, pixels.
    """

    fidelity: Literal["default", "article"] = "default"
    observation: Literal["poses", "pixels"] = "poses"
    cameras: int = 1
    size: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.cameras <= len(EYES), f"cameras: {self.cameras!r} should be 1 or {len(EYES)}")
        require(8 <= self.size <= 1024, f"size: {self.size!r} should be 8 to 1024")


class Balance(PoleTask):
    """See PoleTask; `images` are used to act where they are observed."""

    name = "balance"
    Settings = BalanceSettings
    field = 2.0

    def __init__(self, settings: BalanceSettings | None = None, rows: int = 1) -> None:
        super().__init__(settings, rows)
        s = self.settings
        self.carrier = CARRIERS[s.fidelity]
        self.cameras = tuple(Camera(eye, TARGET, near=NEAR[s.fidelity], size=s.size) for eye in EYES[: s.cameras])
        self._forgiving = s.fidelity == "article" and s.reward != "effort"
        if s.observation == "pixels":
            channels = 3 * s.cameras * s.repeats
            self.observed, self.state_space = ("images",), self.poses_of(s.repeats)
            self.observation_space = spaces.Box(0, 255, (s.size, s.size, channels * s.history), np.uint8)
            self.moments, self.stacked = s.repeats * s.history, s.history
            self._history = History(rows, s.history, (s.size, s.size, channels), np.uint8)

    def make_renderer(self) -> Renderer:
        """Draws what the cameras see, by the poses of cart and pole."""
        return Renderer(self.cameras, (read_box("ground"),), (read_box("cart"), read_box("pole")))

    def eyes(self) -> Renderer | None:
        return self.make_renderer() if self.settings.observation == "pixels" else None

    def observe(self, readings: Readings, first: np.ndarray) -> np.ndarray:
        if self.settings.observation == "poses":
            return super().observe(readings, first)
        images = readings["images"].transpose(0, 3, 4, 1, 2, 5)  # (rows, height, width, repeats, cameras, 3)
        return self._history.push(images.reshape(*images.shape[:3], -1), first)

    def state(self, readings: Readings) -> np.ndarray:
        return readings["poses"]
