"""What stands beside a picture: whose episode it is, how far it has come, what it earned, what is being done."""

import numpy as np
from gymnasium import spaces
from PIL import Image

from control_bench.bench.episode import Episode, Run
from control_bench.bench.pictures.base import MUTED, SIZE, Canvas, Picture, fitting, text_width
from control_bench.bench.plot_style import FAINT, GRID, INK, RUN_COLOURS
from control_bench.bench.statistics import name_of

WIDTH = 240
LEFT, RIGHT = 18, WIDTH - 18
ROW = 21
CURVE = (262, 58)
"""The reward's curve: where it begins, from the top, and its height, px."""
ACTIONS = 352
BARS = 7
"""Components of an action that are shown, at most."""
WON, OVER = RUN_COLOURS[2], RUN_COLOURS[1]


class Panel:
    """Draws what stands beside an episode's moments, `WIDTH` by `SIZE`.

    Args:
        duration: of a step, s, or None where the task tells of none.
    """

    def __init__(self, run: Run, episode: Episode, picture: Picture, duration: float | None) -> None:
        self._episode, self._picture, self._duration = episode, picture, duration
        self._earned = np.concatenate([[0.0], np.cumsum(episode.rewards, dtype=float)])
        self._whole = bool((self._earned == np.round(self._earned)).all())
        space = getattr(picture.task, "action_space", None)
        self._discrete = isinstance(space, spaces.Discrete)
        self._actions = np.asarray(episode.actions).reshape(episode.steps, -1)
        self._most = self._largest(space)
        self._still = self._draw_still(run, space)

    def _largest(self, space) -> float:
        """What a whole bar stands for: hardly any action taken was larger, yet it is no tiny part of what can be."""
        bounds = np.abs([space.low, space.high]) if isinstance(space, spaces.Box) else np.zeros(1)
        taken = np.abs(self._actions[np.isfinite(self._actions)])
        usual = np.quantile(taken, 0.98) if taken.size else 0.0
        return max(float(usual), 0.05 * float(bounds[np.isfinite(bounds)].max(initial=0.0)), 1e-9)

    def _draw_still(self, run: Run, space) -> Canvas:
        canvas = Canvas(WIDTH, SIZE, "#fafafa")
        canvas.box((0, 0), (1, SIZE), GRID)
        room = RIGHT - LEFT
        canvas.text((LEFT, 28), fitting(run.task, room, 19, bold=True), 19, bold=True)
        canvas.text((LEFT, 52), fitting(run.controller, room, 14), 14)
        label = f", {run.label}" if run.label else ""
        episode = f"episode {self._episode.index + 1} of seed {run.seed}{label}"
        canvas.text((LEFT, 73), fitting(episode, room, 11), 11, MUTED)
        canvas.box((LEFT, 90), (room, 1), FAINT)
        canvas.text((LEFT, CURVE[0] - 14), "reward so far", 11, MUTED)
        canvas.box((LEFT, CURVE[0]), (room, CURVE[1]), "#ffffff", GRID, radius=3)
        if self._actions.size:
            canvas.text((LEFT, ACTIONS - 14), "action", 11, MUTED)
        self._pills = self._place_pills(int(space.n), room) if self._discrete else []
        return canvas

    def _place_pills(self, count: int, room: float) -> list[tuple[str, float, float, float]]:
        """Name, left, top and width of each discrete action."""
        placed, x, y = [], LEFT, ACTIONS
        for action in range(min(count, 12)):
            name = name_of(action, self._picture.action_names)
            wide = text_width(name, 11) + 14
            if x + wide > RIGHT and x > LEFT:
                x, y = LEFT, y + 24
            placed.append((name, x, y, wide))
            x += wide + 5
        return placed

    def draw(self, moment: int) -> Image.Image:
        canvas, steps = self._still.copy(), self._episode.steps
        rows = {"step": f"{moment} of {steps}"}
        if self._duration is not None:
            rows["time"] = f"{moment * self._duration:.2f} s"
        rows["reward"] = f"{self._earned[moment]:,.0f}" if self._whole else number(self._earned[moment])
        rows |= self._picture.facts(moment)
        for place, (name, value) in enumerate(list(rows.items())[:7]):
            middle = 108 + ROW * place
            canvas.text((LEFT, middle), name, 12, MUTED)
            canvas.text((RIGHT, middle), value, 12, INK, bold=name in ("step", "time", "reward"), anchor="rm")
        self._draw_curve(canvas, moment)
        if moment:
            self._draw_action(canvas, moment)
        elif self._discrete:
            self._draw_pills(canvas, None)
        if moment == steps:
            self._draw_outcome(canvas)
        return canvas.finish()

    def _draw_curve(self, canvas: Canvas, moment: int) -> None:
        low, high = min(self._earned.min(), 0.0), max(self._earned.max(), 0.0)
        top, height = CURVE
        steps = max(self._episode.steps, 1)
        x = LEFT + 5 + (RIGHT - LEFT - 10) * np.arange(moment + 1) / steps
        y = top + height - 6 - (height - 12) * (self._earned[: moment + 1] - low) / max(high - low, 1e-12)
        zero = top + height - 6 - (height - 12) * (0.0 - low) / max(high - low, 1e-12)
        canvas.box((LEFT + 1, zero), (RIGHT - LEFT - 2, 1), GRID)
        points = np.stack([x, y], axis=1)
        if moment:
            canvas.line(points, RUN_COLOURS[0], 1.6)
        canvas.disc(points[-1], 3.2, RUN_COLOURS[0], "#ffffff", 1.0)

    def _draw_action(self, canvas: Canvas, moment: int) -> None:
        """What led to this moment."""
        action = self._actions[moment - 1]
        if self._discrete:
            self._draw_pills(canvas, int(action[0]))
            return
        middle, half = LEFT + 70, 62.0
        for place, value in enumerate(action[:BARS]):
            y = ACTIONS + 13 * place
            canvas.box((middle - half, y), (2 * half, 8), "#efefef", radius=2)
            length = half * min(abs(float(value)) / self._most, 1.0) if np.isfinite(value) else 0.0
            if length > 0.4:
                canvas.box((middle if value > 0 else middle - length, y), (length, 8), RUN_COLOURS[0])
            canvas.box((middle - 0.5, y - 1), (1, 10), MUTED)
            canvas.text((RIGHT, y + 4), number(float(value)), 11, anchor="rm")

    def _draw_pills(self, canvas: Canvas, taken: int | None) -> None:
        for action, (name, x, y, wide) in enumerate(self._pills):
            on = action == taken
            canvas.box((x, y), (wide, 19), RUN_COLOURS[0] if on else "#efefef", radius=9)
            canvas.text((x + wide / 2, y + 9.5), name, 11, "#ffffff" if on else MUTED, anchor="mm")

    def _draw_outcome(self, canvas: Canvas) -> None:
        good = self._episode.outcome in self._picture.won
        canvas.box((LEFT, SIZE - 36), (RIGHT - LEFT, 24), WON if good else OVER, radius=5)
        text = fitting(self._episode.outcome, RIGHT - LEFT - 12, 13, bold=True)
        canvas.text((WIDTH / 2, SIZE - 24), text, 13, "#ffffff", bold=True, anchor="mm")


def number(value: float) -> str:
    """A few digits of a number."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
    return "0.00" if text == "-0.00" else text
