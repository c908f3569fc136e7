"""What the pictures of tasks are made with: a canvas with smooth edges, the plane from above, and what a picture is.

Pillow draws lines without smoothing, so a canvas is FINE times as large until it is done; text is smooth by itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from control_bench.bench.episode import Episode
from control_bench.bench.plot_style import INK

SIZE = 480
"""Pixels of a picture's edges."""
FINE = 3
MUTED = "#7a7a7a"
CURVED = 50
"""Points of a line at most whose corners are made round: it takes long, and the corners of longer ones are blunt."""


@lru_cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def mix(one: str, other: str, share: float) -> str:
    """A colour between two, `share` of the way from one to the other, as all of them written #rrggbb."""
    pairs = [(int(one[place : place + 2], 16), int(other[place : place + 2], 16)) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


class Canvas:
    """Drawing in pixels of what is shown, from the upper left; colours #rrggbb, or #rrggbbaa to let through what is
    below.

    Args:
        image: to go on drawing on, FINE times as large, or None for a plain one. fine: other than FINE.
    """

    def __init__(
        self, width: int = SIZE, height: int = SIZE, colour: str = "#ffffff", image: Image.Image | None = None,
        fine: int = FINE,
    ) -> None:  # fmt: skip
        self.fine, self.image = fine, image or Image.new("RGB", (width * fine, height * fine), colour)
        self._pen = ImageDraw.Draw(self.image, "RGBA")
        self._texts: list[tuple] = []

    def copy(self) -> "Canvas":
        other = Canvas(image=self.image.copy(), fine=self.fine)
        other._texts = self._texts.copy()
        return other

    def finish(self) -> Image.Image:
        """What is shown, its texts on top."""
        done = self.image.reduce(self.fine)
        pen = ImageDraw.Draw(done)
        for place, text, colour, font, anchor in self._texts:
            pen.text(place, text, colour, font, anchor)
        return done

    def line(self, points: np.ndarray, colour: str, width: float = 1.0, round_ends: bool = False) -> None:
        """Through points (n, 2)."""
        flat = (self.fine * np.asarray(points, dtype=float)).ravel().tolist()
        joint = "curve" if round_ends and len(points) <= CURVED else None
        self._pen.line(flat, fill=colour, width=max(round(width * self.fine), 1), joint=joint)
        if round_ends:
            for end in (points[0], points[-1]):
                self.disc(end, width / 2.0, colour)

    def segments(self, starts: np.ndarray, ends: np.ndarray, colours: Sequence[str], width: float = 1.0) -> None:
        """Lines from each of the starts (n, 2) to each of the ends, every one in a colour of its own."""
        for flat, colour in zip((self.fine * np.hstack([starts, ends])).tolist(), colours, strict=True):
            self._pen.line(flat, fill=colour, width=max(round(width * self.fine), 1))

    def polygon(self, points: np.ndarray, fill: str | None = None, line: str | None = None, width: float = 1.0) -> None:
        """Corners (n, 2)."""
        points = np.asarray(points, dtype=float)
        if fill:
            self._pen.polygon((self.fine * points).ravel().tolist(), fill=fill)
        if line:
            self.line(np.concatenate([points, points[:1]]), line, width, round_ends=True)

    def disc(
        self, middle: np.ndarray, radius: float, fill: str | None = None, line: str | None = None, width: float = 1.0
    ) -> None:
        (x, y), r = self.fine * np.asarray(middle, dtype=float), self.fine * radius
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill, line, round(width * self.fine) if line else 0)

    def box(self, corner: tuple[float, float], size: tuple[float, float], fill: str | None = None,
            line: str | None = None, width: float = 1.0, radius: float = 0.0) -> None:  # fmt: skip
        """corner: the upper left one; radius: of its corners."""
        (x, y), (wide, high) = corner, size
        edges = (self.fine * x, self.fine * y, self.fine * (x + wide) - 1, self.fine * (y + high) - 1)
        self._pen.rounded_rectangle(edges, radius * self.fine, fill, line, round(width * self.fine) if line else 0)

    def text(self, place: tuple[float, float], text: str, size: int = 12, colour: str = INK, bold: bool = False,
             anchor: str = "lm") -> None:  # fmt: skip
        """anchor: Pillow's: l, m or r, and then t, m, s or b."""
        self._texts.append((place, text, colour, _font(size, bold), anchor))

    def paste(self, image: Image.Image, corner: tuple[float, float], size: tuple[int, int]) -> None:
        """A picture of pixels, each of them drawn as a square."""
        scaled = image.resize((size[0] * self.fine, size[1] * self.fine), Image.Resampling.NEAREST)
        self.image.paste(scaled, (round(self.fine * corner[0]), round(self.fine * corner[1])))


def text_width(text: str, size: int, bold: bool = False) -> float:
    return _font(size, bold).getlength(text)


def fitting(text: str, width: float, size: int, bold: bool = False) -> str:
    """A text cut short so that it is at most so wide, its end kept: that of a class tells more than its package."""
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width("…" + text, size, bold) > width:
        text = text[1:]
    return "…" + text


def arrow_outline(start: np.ndarray, end: np.ndarray, width: float) -> np.ndarray:
    """An arrow's corners (7, 2), or (0, 2) where it has no length; its head is three times as wide as it is."""
    length = np.linalg.norm(end - start)
    if length == 0:
        return np.zeros((0, 2))
    along = (end - start) / length
    aside, neck = width * np.array([-along[1], along[0]]), end - min(2.6 * width, length) * along
    return np.array([start + aside / 2, neck + aside / 2, neck + 1.5 * aside, end,
                     neck - 1.5 * aside, neck - aside / 2, start - aside / 2])  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """A square of the plane, seen from above, x to the right, on a square of a canvas.

    Attributes:
        middle: m. side: m. corner: the canvas's square's upper left one, px; edge: its, px.
    """

    middle: tuple[float, float]
    side: float
    corner: tuple[float, float] = (0.0, 0.0)
    edge: float = SIZE

    @classmethod
    def around(cls, points: np.ndarray, margin: float) -> "Plane":
        """One that holds points (n, 2) and so much around them, m."""
        low, high = points.min(axis=0), points.max(axis=0)
        return cls(tuple((low + high) / 2.0), float(np.max(high - low)) + 2.0 * margin)

    @property
    def scale(self) -> float:
        """Pixels of a metre."""
        return self.edge / self.side

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., 2), m, are on the canvas, px."""
        away = (np.asarray(points, dtype=float) - self.middle) * (self.scale, -self.scale)
        return away + self.corner + self.edge / 2.0

    def draw_scale(self, canvas: Canvas) -> None:
        """A bar of a round length, lower left."""
        power = 10.0 ** math.floor(math.log10(self.side / 4.0))
        length = max(step * power for step in (1, 2, 5) if step * power <= self.side / 4.0)
        x, y = self.corner[0] + 16.0, self.corner[1] + self.edge - 16.0
        far = x + length * self.scale
        canvas.box((x - 8, y - 24), (far - x + 16, 34), "#ffffffc8", radius=5)
        canvas.line(np.array([(x, y - 4), (x, y), (far, y), (far, y - 4)]), INK, 1.4)
        name = f"{length:g} m" if length >= 1 else f"{100 * length:g} cm" if length >= 0.01 else f"{1000 * length:g} mm"
        canvas.text(((x + far) / 2, y - 12), name, 11, anchor="mm")


class Picture:
    """Draws the moments of one episode, from its readings alone: moment k is that of readings[k], 0 to `steps`.

    Attributes:
        of: the class of tasks. reads: the readings that it can't do without. won: outcomes that a task is about.
        action_names: of discrete actions.
    """

    of: ClassVar[type] = object
    reads: ClassVar[tuple[str, ...]] = ()
    won: ClassVar[tuple[str, ...]] = ()

    def __init__(self, task: Any, episode: Episode) -> None:
        self.task, self.episode, self.readings = task, episode, episode.readings
        self.action_names = task.action_names

    @classmethod
    def suits(cls, task: Any, episode: Episode) -> bool:
        """Whether it can draw this episode."""
        return isinstance(task, cls.of) and set(cls.reads) <= episode.readings.keys()

    def draw(self, moment: int) -> Image.Image:
        """SIZE by SIZE."""
        raise NotImplementedError

    def facts(self, moment: int) -> dict[str, str]:
        """What is told in numbers beside the picture, at most four."""
        return {}
