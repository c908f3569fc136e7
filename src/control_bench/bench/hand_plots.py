"""Plots of an arm's hand: the paths it took to its targets and back, and how fast it went. A panel a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from control_bench.bench import plot_style as style
from control_bench.bench.plot_style import Look
from control_bench.dynamics.base import ArmModel

BACK = "#9a9a9a"
"""The way back; the way out has the run's colour."""


@dataclass(frozen=True)
class HandPath:
    """One episode's way of a hand, in the plane of its targets, from their middle.

    Attributes:
        points: cm (steps + 1, 2). targets: those that were shown, cm (k, 2). turn: the step at which the last one was.
        speed: cm/s (steps + 1,). dt: seconds of a step.
    """

    points: np.ndarray
    targets: np.ndarray
    turn: int
    speed: np.ndarray
    dt: float

    @classmethod
    def of(cls, model: ArmModel, readings: dict[str, np.ndarray]) -> "HandPath | None":
        """From an episode's readings; None where they are not an arm's."""
        if not {"true_position", "true_velocity", "target"} <= readings.keys():
            return None
        q, v, shown = readings["true_position"], readings["true_velocity"], readings["target"]
        moves = np.array([model.jacobian(one) @ rate for one, rate in zip(q, v, strict=True)])
        turns = np.flatnonzero(np.any(shown[1:] != shown[:-1], axis=1)) + 1
        targets = shown[[0, *turns]]
        points, ends = (100.0 * (x - model.centre) @ model.plane.T for x in (model.hands(q), targets))
        turn = int(turns[-1]) if len(turns) else len(q) - 1
        return cls(points, ends, turn, 100.0 * np.linalg.norm(moves, axis=1), model.dt)


def hand_paths(runs: dict[str, Sequence[HandPath]], looks: dict[str, Look]) -> Figure:
    """Every kept episode's path: out in the run's colour, back in grey."""
    columns = 3 if len(runs) in (3, 5, 6, 9) else 4
    fig, grid = style.panels(len(runs), height=10.0 / columns + 0.2, columns=columns)
    reach = 1.15 * max(np.abs(path.points).max() for paths in runs.values() for path in paths)
    furthest = 1.6 * max(np.abs(path.targets).max() for paths in runs.values() for path in paths)
    for axes, (name, paths) in zip(grid, runs.items(), strict=True):
        style.dress(axes, x="cm", y="cm")
        style.name_panel(axes, name, width=100 // columns - 1)
        for path in paths:
            axes.plot(*path.points[path.turn :].T, color=BACK, linewidth=0.9, zorder=2)
            axes.plot(*path.points[: path.turn + 1].T, color=looks[name].colour, linewidth=1.5, zorder=3)
        ends = np.concatenate([path.targets for path in paths])
        axes.plot(*ends.T, linestyle="", marker="o", markersize=6, color="white", markeredgecolor=style.INK, zorder=1)
        extent = min(reach, furthest)  # a run that flings its arm about must not make the others specks
        axes.set_xlim(-extent, extent)
        axes.set_ylim(-extent, extent)
        axes.set_aspect("equal")
        style.round_ticks(axes.xaxis)
        style.round_ticks(axes.yaxis)
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=6, color="white", markeredgecolor=style.INK),
        Line2D([], [], color=style.INK, linewidth=1.5), Line2D([], [], color=BACK, linewidth=0.9),
    ]  # fmt: skip
    style.headline(fig, "The hand's paths, from the middle of the targets")
    style.legend(fig, handles, ["target", "out (the run's colour)", "back"], below=True)
    return fig


def speed_profiles(runs: dict[str, Sequence[HandPath]], looks: dict[str, Look]) -> Figure:
    """The hand's speed on the way out and on the way back, each from its start."""
    fig, grid = style.panels(len(runs), sharey=True)
    longest = max(path.dt * max(path.turn, len(path.speed) - path.turn) for paths in runs.values() for path in paths)
    for axes, (name, paths) in zip(grid, runs.items(), strict=True):
        for path in paths:
            for leg, colour in (
                (path.speed[: path.turn + 1], looks[name].colour),
                (path.speed[path.turn :], BACK),
            ):
                axes.plot(path.dt * np.arange(len(leg)), leg, color=colour, linewidth=1.0, alpha=0.7)
        style.dress(axes, x="s")
        style.name_panel(axes, name)
        axes.set_xlim(0, longest)
        style.round_ticks(axes.xaxis)
    grid[0].set_ylim(0, 1.05 * max(path.speed.max() for paths in runs.values() for path in paths))
    fig.supylabel("hand speed, cm/s", fontsize=style.LABEL, color=style.INK)
    style.headline(fig, "Speed of the hand: out (the run's colour) and back (grey), each from when its target came")
    return fig
