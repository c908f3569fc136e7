"""The picture of a task that has none of its own: the curves of its readings, drawn as the episode goes on."""

import numpy as np
from PIL import Image

from control_bench.bench.pictures.base import MUTED, SIZE, Canvas, Picture, fitting
from control_bench.bench.plot_style import GRID, RUN_COLOURS

MOST, WIDEST = 6, 12
"""Readings that are shown, and components of one of them."""
LEFT, RIGHT = 20, SIZE - 20


class Curves(Picture):
    """A panel a reading, a curve a component, each panel from its smallest to its largest value."""

    def __init__(self, task, episode) -> None:
        super().__init__(task, episode)
        self._curves: dict[str, np.ndarray] = {}
        for name, values in self.readings.items():
            values = np.asarray(values)
            if values.dtype.kind in "biuf" and len(values) == episode.steps + 1 and values.size:
                flat = values.reshape(len(values), -1).astype(float)
                if flat.shape[1] <= WIDEST and np.isfinite(flat).any():
                    self._curves[name] = flat
        self._curves = dict(list(self._curves.items())[:MOST])
        self._background = self._draw_panels()

    def _panel(self, place: int) -> tuple[float, float]:
        """Where the curves of a reading begin, from the top, and their height, px."""
        room = (SIZE - 20) / len(self._curves)
        return 10 + place * room + 24, room - 34

    def _draw_panels(self) -> Canvas:
        canvas = Canvas()
        if not self._curves:
            canvas.text((SIZE / 2, SIZE / 2), "no readings that curves could be drawn of", 13, MUTED, anchor="mm")
        for place, (name, values) in enumerate(self._curves.items()):
            top, height = self._panel(place)
            canvas.text((LEFT, top - 11), fitting(name, 250, 13, bold=True), 13, bold=True)
            finite = values[np.isfinite(values)]
            canvas.text((RIGHT, top - 11), f"{finite.min():.4g} to {finite.max():.4g}", 11, MUTED, anchor="rm")
            canvas.box((LEFT, top), (RIGHT - LEFT, height), "#fafafa", GRID, radius=3)
        return canvas

    def draw(self, moment: int) -> Image.Image:
        canvas = self._background.copy()
        x = LEFT + 6 + (RIGHT - LEFT - 12) * np.arange(moment + 1) / max(self.episode.steps, 1)
        for place, values in enumerate(self._curves.values()):
            top, height = self._panel(place)
            finite = values[np.isfinite(values)]
            low, high = finite.min(), finite.max()
            shares = (np.clip(values[: moment + 1], low, high) - low) / (high - low or 1.0)
            heights = top + height - 6 - (height - 12) * shares
            canvas.line(np.array([(x[-1], top + 1), (x[-1], top + height - 1)]), GRID, 1.0)
            for component, y in enumerate(heights.T):
                points = np.stack([x, y], axis=1)[np.isfinite(y)]
                colour = RUN_COLOURS[component % len(RUN_COLOURS)]
                if len(points) > 1:
                    canvas.line(points, colour, 1.4)
                if len(points):
                    canvas.disc(points[-1], 2.6, colour)
        return canvas.finish()
