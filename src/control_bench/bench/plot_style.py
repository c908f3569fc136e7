"""How the report's plots look: one place for colours, fonts and grids. Without pyplot, as it keeps global state."""

import io
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

RUN_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
    "#7a3e9d", "#8c564b", "#b3002d", "#5c6b73", "#7d8c00", "#1b2a6b",
)  # fmt: skip
"""Okabe and Ito's, told apart by colour-blind readers too, and six darker ones; a thirteenth run begins again."""
DASHES = ("solid", (0, (5, 1.6)), (0, (2, 1.2)), (0, (7, 1.6, 1.6, 1.6)))
"""Beside the colours, as runs may coincide: a run over ROS in lockstep with its twin in-process."""
FILL_COLOURS = ("#8fc7b5", "#f3b183", "#a9b6dd", "#e5a6cd", "#b9d97f", "#f5d76e", "#dcc9a3", "#bdbdbd")
"""For shares of a whole (actions, outcomes); paler than the runs' so that neither is taken for the other."""
INK, FAINT, GRID = "#222222", "#cfcfcf", "#e4e4e4"
TITLE, LABEL, TICK = 12, 10.5, 9.5
DPI = 150


@dataclass(frozen=True)
class Look:
    """What a run is known by in all plots and tables of a section: a colour, and a line's dashes."""

    colour: str
    dash: str | tuple

    def line(self, **options) -> Line2D:
        """For a legend."""
        return Line2D([], [], color=self.colour, linestyle=self.dash, linewidth=2.2, **options)


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """A look for each run, by its name."""
    cycled = enumerate(names)
    return {name: Look(RUN_COLOURS[i % len(RUN_COLOURS)], DASHES[i % len(DASHES)]) for i, name in cycled}


def fill_colour(index: int) -> str:
    return FILL_COLOURS[index % len(FILL_COLOURS)]


def shown(name: str, width: int = 30) -> str:
    """A name as text in a plot: in lines of at most `width` letters, and no formula where it holds dollar signs."""
    return textwrap.fill(name, width).replace("$", r"\$")


def figure(width: float = 10.0, height: float = 4.2) -> Figure:
    """Inches."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def panels(count: int, height: float = 2.7, columns: int = 3, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels, `height` inches each, in rows of up to so many columns."""
    columns = 2 if count == 4 and columns == 3 else min(count, columns)
    rows = math.ceil(count / columns)
    fig = figure(width=10.0, height=height * rows + 0.5)
    grid = fig.subplots(rows, columns, squeeze=False, sharey=sharey).flatten().tolist()
    for spare in grid[count:]:
        spare.remove()
    return fig, grid[:count]


def dress(axes: Axes, title: str = "", x: str = "", y: str = "", grid: str = "both") -> None:
    """Title, axis labels, a light grid behind the data, and no box around it."""
    axes.set_title(title, loc="left", fontsize=TITLE, fontweight="bold", color=INK)
    axes.set_xlabel(x, fontsize=LABEL, color=INK)
    axes.set_ylabel(y, fontsize=LABEL, color=INK)
    axes.tick_params(labelsize=TICK, length=0, labelcolor=INK)
    axes.grid(visible=True, axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def name_panel(axes: Axes, name: str, remark: str = "", width: int = 36) -> None:
    """What a panel is of, lighter than the title of the whole, in lines of at most `width` letters."""
    text = "\n".join(filter(None, [shown(name, width), remark]))
    axes.set_title(text, loc="left", fontsize=LABEL, color=INK)


def round_ticks(axis: Axis, most: int = 6, whole: bool = False) -> None:
    """Few ticks at round numbers; at whole ones where the axis counts something."""
    axis.set_major_locator(MaxNLocator(nbins=most, integer=whole, steps=[1, 2, 5, 10], min_n_ticks=1))


def headline(fig: Figure, text: str) -> None:
    """A title over all panels."""
    fig.suptitle(text, x=0.01, ha="left", fontsize=TITLE, fontweight="bold", color=INK)


def rows_height(names: Iterable[str]) -> float:
    """Inches that a row for each name takes, the more the more lines the name takes."""
    return sum(0.3 + 0.16 * shown(name).count("\n") for name in names)


def legend(fig: Figure, handles: Sequence[Artist], names: Sequence[str], below: bool = False) -> None:
    """Beside the axes, or below them: never over the data."""
    place = {"loc": "outside lower center", "ncols": min(len(names), 5)} if below else {"loc": "outside right upper"}
    fig.legend(handles, [shown(name) for name in names], frameon=False, fontsize=LABEL, labelcolor=INK, **place)


def png(fig: Figure) -> bytes:
    """The picture, the same bytes whenever the data is the same."""
    packed = io.BytesIO()
    fig.savefig(packed, format="png", dpi=DPI, metadata={"Software": None})
    return packed.getvalue()
