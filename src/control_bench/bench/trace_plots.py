"""Plots of what happened within episodes: the actions over time, and the paths driven. A panel a run."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from control_bench.bench import plot_style as style
from control_bench.worlds.grid_map import FREE, OCCUPIED, GridMap

RUNNING = {"color": style.INK, "linewidth": 1.3, "linestyle": (0, (4, 2))}


@dataclass(frozen=True)
class Trend:
    """A run's actions over time, in bins.

    Attributes:
        along: what time is counted in: "step of the episode", or "episode" of a learning run.
        edges: (bins + 1,), in that unit. mean, spread: (bins, actions): shares of discrete ones, 0 to 1.
        running: (bins,), share of the episodes that lasted so long; None along episodes.
    """

    along: str
    edges: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    running: np.ndarray | None


@dataclass(frozen=True)
class Path:
    """One episode's way: x, y in metres (steps + 1, 2); what it was; the map it was on, if known."""

    points: np.ndarray
    caption: str
    grid: GridMap | None


def _ends(edges: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points to draw a line through: the bins' middles, and the first and the last value drawn out to the ends."""
    middles = (edges[:-1] + edges[1:]) / 2
    return np.concatenate([edges[:1], middles, edges[-1:]]), np.concatenate([values[:1], values, values[-1:]])


def _dress_trend(axes: Axes, name: str, trend: Trend) -> None:
    style.dress(axes, x=trend.along)
    style.name_panel(axes, name)
    axes.set_xlim(trend.edges[0], trend.edges[-1])
    style.round_ticks(axes.xaxis, whole=True)


def action_shares(trends: dict[str, Trend], action_names: list[str]) -> Figure:
    """How often each discrete action was taken as time went on, stacked to the whole."""
    fig, grid = style.panels(len(trends), sharey=True)
    colours = [style.fill_colour(index) for index in range(len(action_names))]
    for axes, (name, trend) in zip(grid, trends.items(), strict=True):
        x, shares = _ends(trend.edges, 100.0 * trend.mean)
        axes.stackplot(x, shares.T, colors=colours[: shares.shape[1]], linewidth=0)
        if trend.running is not None:
            axes.plot(*_ends(trend.edges, 100.0 * trend.running), **RUNNING)
        _dress_trend(axes, name, trend)
        axes.set_ylim(0, 100)
        axes.yaxis.set_major_formatter(PercentFormatter(symbol=" %"))
    handles, names = [Patch(color=colour) for colour in colours], list(action_names)
    if any(trend.running is not None for trend in trends.values()):
        handles.append(Line2D([], [], **RUNNING))
        names.append("episodes still running")
    style.headline(fig, "Shares of the actions over time")
    style.legend(fig, handles, names, below=True)
    return fig


def action_components(trends: dict[str, Trend]) -> Figure:
    """Mean (line) and standard deviation (band) of each component of continuous actions as time went on."""
    fig, grid = style.panels(len(trends), sharey=True)
    width = max(trend.mean.shape[1] for trend in trends.values())
    colours = [style.RUN_COLOURS[index % len(style.RUN_COLOURS)] for index in range(width)]
    for axes, (name, trend) in zip(grid, trends.items(), strict=True):
        for mean, spread, colour in zip(trend.mean.T, trend.spread.T, colours, strict=False):
            x, middle = _ends(trend.edges, mean)
            _, band = _ends(trend.edges, spread)
            axes.fill_between(x, middle - band, middle + band, color=colour, alpha=0.15, linewidth=0)
            axes.plot(x, middle, color=colour, linewidth=1.8)
        _dress_trend(axes, name, trend)
    style.headline(fig, "Actions over time: mean (line) and standard deviation (band) of each component")
    handles = [Line2D([], [], color=colour, linewidth=2.2) for colour in colours]
    style.legend(fig, handles, [f"action[{index}]" for index in range(width)], below=True)
    return fig


def driven_paths(paths: dict[str, Path], looks: dict[str, style.Look]) -> Figure:
    """One episode of each run over its map, paler where it is earlier."""
    columns = 3 if len(paths) in (3, 5, 6, 9) else 4
    letters = 100 // columns - 1
    lines = max(style.shown(name, letters).count("\n") for name in paths)
    fig, grid = style.panels(len(paths), height=10.0 / columns + 0.65 + 0.18 * lines, columns=columns)
    for axes, (name, path) in zip(grid, paths.items(), strict=True):
        style.dress(axes, x="x, m", y="y, m")
        style.name_panel(axes, name, path.caption, width=letters)
        if path.grid is not None:
            _map(axes, path.grid)
        colour = looks[name].colour
        darkening = LinearSegmentedColormap.from_list("darkening", [_tint(colour), colour])
        segments = np.stack([path.points[:-1], path.points[1:]], axis=1)
        steps = np.arange(len(segments))
        axes.add_collection(LineCollection(segments, cmap=darkening, array=steps, linewidths=1.6, capstyle="round"))
        axes.plot(*path.points[0], marker="o", markersize=7, color="white", markeredgecolor=style.INK)
        axes.plot(*path.points[-1], marker="X", markersize=8, color=style.INK, markeredgecolor="white")
        style.round_ticks(axes.xaxis)
        style.round_ticks(axes.yaxis)
        axes.set_aspect("equal", adjustable="box" if path.grid is not None else "datalim")
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=7, color="white", markeredgecolor=style.INK),
        Line2D([], [], linestyle="", marker="X", markersize=8, color=style.INK, markeredgecolor="white"),
    ]
    style.headline(fig, "Paths driven: the episode of each run whose reward is nearest to the run's median")
    style.legend(fig, handles, ["start", "end"], below=True)
    return fig


def _map(axes: Axes, grid: GridMap) -> None:
    width, height = grid.size
    kinds = np.select([grid.cells == OCCUPIED, grid.cells == FREE], [2, 0], 1)
    look = ListedColormap(["#ffffff", "#ececec", "#4a4a4a"])
    axes.imshow(kinds, cmap=look, vmin=0, vmax=2, origin="lower", extent=(0, width, 0, height), interpolation="nearest")
    axes.grid(visible=False)


def _tint(colour: str) -> tuple[float, ...]:
    """Most of the way to white."""
    return tuple(1.0 - 0.3 * (1.0 - int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
