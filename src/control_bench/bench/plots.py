"""Plots of what runs earned and how their episodes ended. Each takes data by the run's name and gives a figure.

`looks` is what each run looks like in all of them, of `looks_of`.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from control_bench.bench import plot_style as style
from control_bench.bench.plot_style import Look
from control_bench.bench.statistics import DECILES, Estimate, running_mean

OVERLAID = 4
"""More runs than these get a panel each, as their dots could not be told apart; so do runs of unlike lengths."""
REWARD = "reward per episode"


def smoothing(longest: int) -> int:
    """How many episodes a running mean is of: a tenth of the longest run, but neither jumpy nor dull."""
    return int(np.clip(longest // 10, 5, 50))


def reward_curves(rewards: dict[str, np.ndarray], looks: dict[str, Look]) -> Figure:
    """Each episode's reward as a dot, and the running mean as a line. rewards: (episodes,) a run."""
    lengths = [len(values) for values in rewards.values()]
    window = smoothing(max(lengths))
    title = f"Reward of each episode (dots) and running mean of {window} episodes (line)"
    if len(rewards) > OVERLAID or max(lengths) > 2 * min(lengths):
        return _reward_panels(rewards, looks, window, title)
    fig = style.figure()
    axes = fig.subplots()
    for name, values in rewards.items():
        _curve(axes, values, window, looks[name].colour, looks[name].dash)
    style.dress(axes, title, "episode", REWARD)
    _count_from_one(axes, max(lengths))
    style.legend(fig, [looks[name].line() for name in rewards], list(rewards))
    return fig


def _reward_panels(rewards: dict[str, np.ndarray], looks: dict[str, Look], window: int, title: str) -> Figure:
    """A panel a run, with the other runs' means in grey to compare with."""
    fig, grid = style.panels(len(rewards), sharey=True)
    for axes, (name, values) in zip(grid, rewards.items(), strict=True):
        for other in rewards.values():
            axes.plot(*_line(other, window), color=style.FAINT, linewidth=0.9)
        _curve(axes, values, window, looks[name].colour)
        style.dress(axes)
        style.name_panel(axes, name)
        _count_from_one(axes, len(values))
    fig.supxlabel("episode", fontsize=style.LABEL, color=style.INK)
    fig.supylabel(REWARD, fontsize=style.LABEL, color=style.INK)
    style.headline(fig, f"{title}; the other runs' in grey")
    return fig


def _line(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(1, len(values) + 1), running_mean(values, window)


def _curve(axes: Axes, values: np.ndarray, window: int, colour: str, dash: str | tuple = "solid") -> None:
    numbers, means = _line(values, window)
    size = float(np.clip(1500 / len(values), 3, 22))
    axes.scatter(numbers, values, s=size, color=colour, alpha=0.35, linewidths=0)
    marker = "o" if len(values) == 1 else None  # a line through one point is not seen
    axes.plot(numbers, means, color=colour, linestyle=dash, linewidth=2.2, marker=marker, markersize=6)


def _count_from_one(axes: Axes, longest: int) -> None:
    axes.set_xlim(0.5 - 0.01 * longest, longest + 0.5 + 0.01 * longest)
    style.round_ticks(axes.xaxis, whole=True)


def comparison(
    estimates: dict[str, dict[str, Estimate]], looks: dict[str, Look], what: str = "Reward of the runs",
    label: str = REWARD, sharex: bool = True,
) -> Figure:  # fmt: skip
    """Statistics side by side, a panel each, with their intervals. estimates: by statistic, then by run."""
    names = list(next(iter(estimates.values())))
    fig = style.figure(height=1.6 + style.rows_height(names))
    grid = fig.subplots(1, len(estimates), sharex=sharex, sharey=True, squeeze=False)[0]
    for axes, (statistic, values) in zip(grid, estimates.items(), strict=True):
        for row, name in enumerate(names):
            one, colour = values[name], looks[name].colour
            if one.low is not None:
                axes.plot([one.low, one.high], [row, row], color=colour, linewidth=6, alpha=0.35, solid_capstyle="butt")
            axes.plot(one.value, row, marker="o", markersize=7, color=colour)
        style.dress(axes, grid="x")
        style.name_panel(axes, statistic)
        style.round_ticks(axes.xaxis, most=5 if sharex else 3)
        axes.margins(x=0.08)
    grid[0].set_yticks(range(len(names)), [style.shown(name) for name in names])
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    # Or the last number of a panel runs into the first of the next.
    fig.get_layout_engine().set(wspace=0.05 if sharex else 0.12)
    fig.supxlabel(label, fontsize=style.LABEL, color=style.INK)
    style.headline(fig, f"{what}, with 95 % intervals")
    return fig


def decile_curves(deciles: dict[str, Estimate], looks: dict[str, Look]) -> Figure:
    """The reward that each share of the episodes stays within: what a mean hides. deciles: of (11,) numbers, by run."""
    fig = style.figure(height=max(4.2, 0.4 + style.rows_height(deciles)))
    axes = fig.subplots()
    banded = len(deciles) <= OVERLAID  # more bands would hide one another
    for name, one in deciles.items():
        look = looks[name]
        if banded and one.low is not None:
            axes.fill_between(DECILES, one.low, one.high, color=look.colour, alpha=0.13, linewidth=0)
        axes.plot(DECILES, one.value, color=look.colour, linestyle=look.dash, linewidth=2, marker="o", markersize=4.5)
    title = "Deciles of the reward" + (", with 95 % intervals" if banded else "")
    style.dress(axes, title, "share of the run's episodes at or below", REWARD)
    axes.set_xticks(DECILES)
    axes.xaxis.set_major_formatter(PercentFormatter(symbol=" %"))
    style.legend(fig, [looks[name].line(marker="o", markersize=4.5) for name in deciles], list(deciles))
    return fig


def outcome_shares(outcomes: dict[str, Sequence[str]]) -> Figure:
    """How the episodes of each run ended, as shares of a bar. outcomes: one an episode."""
    kinds = sorted({outcome for each in outcomes.values() for outcome in each})
    fig = style.figure(height=1.3 + style.rows_height(outcomes))
    axes = fig.subplots()
    for row, each in enumerate(outcomes.values()):
        counts, left = Counter(each), 0.0
        for index, kind in enumerate(kinds):
            share = 100.0 * counts[kind] / len(each)
            axes.barh(row, share, left=left, height=0.66, color=style.fill_colour(index))
            if share >= 4:  # a narrower piece has no room for its number
                middle = left + share / 2
                axes.text(middle, row, f"{share:.0f} %", ha="center", va="center", fontsize=style.TICK, color=style.INK)
            left += share
    style.dress(axes, "How the episodes ended", "share of the run's episodes", grid="x")
    axes.xaxis.set_major_formatter(PercentFormatter(symbol=" %"))
    axes.set_xlim(0, 100)
    axes.set_yticks(range(len(outcomes)), [style.shown(name) for name in outcomes])
    axes.set_ylim(len(outcomes) - 0.5, -0.5)
    style.legend(fig, [Patch(color=style.fill_colour(index)) for index in range(len(kinds))], kinds)
    return fig
