"""Space as a camera sees it: where points of it are in a picture, and the floor that things stand on."""

import numpy as np
from PIL import Image

from control_bench.bench.pictures.base import FINE, SIZE, Canvas
from control_bench.worlds.renderer import Camera

FLOOR, FAR_FLOOR, LINES, SHADOW = (233, 235, 239), (250, 250, 251), "#b9bfc9", "#cdd1d8"
REACH, TILE, PIECE = 4.5, 0.5, 0.5
"""m: how far the floor's lines are drawn, how far they are apart, and the pieces that they fade in."""


class Perspective:
    """What a camera sees, in pixels of a canvas."""

    def __init__(self, camera: Camera) -> None:
        self._eye, self._axes, self._near = np.array(camera.eye), camera.axes(), camera.near
        self._focal = camera.focal * SIZE / camera.size

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., 3), m, are seen, px (..., 2); nan where they are not before the camera."""
        x, y, z = np.moveaxis((np.asarray(points, dtype=float) - self._eye) @ self._axes.T, -1, 0)
        z = np.where(z > self._near, z, np.nan)
        return SIZE / 2.0 + self._focal * np.stack([x / z, y / z], axis=-1)

    def polygon(self, canvas: Canvas, points: np.ndarray, fill: str) -> None:
        """Fills corners (n, 3); nothing where one of them is not before the camera."""
        seen = self(points)
        if len(seen) and np.isfinite(seen).all():
            canvas.polygon(seen, fill)

    def polyline(self, canvas: Canvas, points: np.ndarray, colour: str, width: float = 1.0) -> None:
        """Through points (n, 3), where they are before the camera."""
        self._segments(canvas, points[:-1], points[1:], [colour] * (len(points) - 1), width)

    def _segments(self, canvas: Canvas, starts: np.ndarray, ends: np.ndarray, colours, width: float) -> None:
        starts, ends = self(starts), self(ends)
        with np.errstate(invalid="ignore"):  # nan is not in sight
            low, high = np.minimum(starts, ends), np.maximum(starts, ends)
            shown = np.flatnonzero(((low < SIZE) & (high > 0.0)).all(axis=1))
        canvas.segments(starts[shown], ends[shown], [colours[place] for place in shown], width)

    def floor(self, canvas: Canvas, height: float, middle: np.ndarray, shift: np.ndarray) -> None:
        """Lines TILE apart on the floor, one of them through `shift` (2,), m, paler the further they are from the
        middle (2,), m."""
        pieces = np.arange(-REACH, REACH, PIECE)
        starts, ends = [], []
        for axis in (0, 1):
            away = middle[axis] - shift[axis]
            lines = TILE * np.arange(np.ceil((away - REACH) / TILE), (away + REACH) / TILE) + shift[axis]
            piece = np.empty((len(lines), len(pieces), 3))
            piece[..., axis], piece[..., 1 - axis], piece[..., 2] = lines[:, None], middle[1 - axis] + pieces, height
            starts.append(piece.reshape(-1, 3))
            ends.append(starts[-1] + PIECE * np.eye(3)[1 - axis])
        starts, ends = np.concatenate(starts), np.concatenate(ends)
        share = np.linalg.norm((starts + ends)[:, :2] / 2.0 - middle, axis=1) / REACH
        near = share < 1.0
        colours = [f"{LINES}{round(255 * (1.0 - one)):02x}" for one in share[near]]
        self._segments(canvas, starts[near], ends[near], colours, 0.9)


def studio(fine: int = FINE) -> Canvas:
    """A floor that goes over into a pale background."""
    rows = np.clip(2.2 * np.linspace(0.0, 1.0, SIZE * fine), 0.0, 1.0)[:, None, None]
    shades = np.array(FAR_FLOOR) + rows * (np.array(FLOOR) - FAR_FLOOR)
    wide = np.broadcast_to(shades.round().astype(np.uint8), (SIZE * fine, SIZE * fine, 3))
    return Canvas(image=Image.fromarray(np.ascontiguousarray(wide)), fine=fine)
