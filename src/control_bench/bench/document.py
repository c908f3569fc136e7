"""A document of headings, text, tables and pictures, written as Markdown and as one self-contained HTML page."""

import base64
import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from control_bench.bench.statistics import Estimate

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
DIGITS, DECIMALS = 4, 3
"""Significant digits of the largest number in a column, but no more decimals; the others get as many decimals."""


@dataclass(frozen=True)
class Marked:
    """A text behind a dot of a colour, which HTML shows."""

    text: str
    colour: str


Cell = str | Marked | int | float | Estimate | None


@dataclass(frozen=True)
class Heading:
    text: str
    level: int


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells: the numbers of a column are rounded alike and aligned."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Picture:
    """A PNG, the file name it has beside the document, and what it shows."""

    file: str
    png: bytes
    caption: str


Block = Heading | Text | Table | Picture


def _numbers(cell: Cell) -> list[float]:
    if isinstance(cell, Estimate):
        return [one for one in (cell.value, cell.low, cell.high) if one is not None]
    return [cell] if isinstance(cell, int | float) else []


def _decimals(column: Iterable[Cell]) -> int:
    numbers = [abs(number) for cell in column for number in _numbers(cell) if math.isfinite(number)]
    if all(float(number).is_integer() for number in numbers):
        return 0
    largest = max(numbers)
    return min(max(DIGITS - 1 - math.floor(math.log10(largest)), 0), DECIMALS)


def number(value: float, decimals: int) -> str:
    """A number as text, with a true minus sign and no negative zero."""
    text = f"{value:.{decimals}f}"
    return (text[1:] if text.startswith("-") and not text.strip("-0.") else text).replace("-", MINUS)


def _shown(cell: Cell, decimals: int) -> tuple[str, str]:
    """A cell's text, and its interval's, or none."""
    match cell:
        case None:
            return NONE, ""
        case str(text) | Marked(text, _):
            return " ".join(text.split()), ""
        case Estimate(value, low, high):
            known = low is not None and math.isfinite(low)
            return number(value, decimals), f"[{number(low, decimals)}, {number(high, decimals)}]" if known else ""
    return number(cell, decimals), ""


@dataclass(frozen=True)
class _Column:
    """What is shown: the title, whether below it are numbers, and each cell's text, interval and colour, or ""."""

    title: str
    numeric: bool
    cells: list[tuple[str, str, str]]


def _columns(table: Table) -> list[_Column]:
    columns = []
    for index, title in enumerate(table.header):
        cells = [row[index] for row in table.rows]
        decimals = _decimals(cells)
        numeric = not any(isinstance(cell, str | Marked) for cell in cells)
        colours = [cell.colour if isinstance(cell, Marked) else "" for cell in cells]
        shown = [(*_shown(cell, decimals), colour) for cell, colour in zip(cells, colours, strict=True)]
        columns.append(_Column(title, numeric, shown))
    return columns


def _markdown_text(text: str) -> str:
    for special, escaped in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "\\`"), ("*", "\\*")):
        text = text.replace(special, escaped)
    return text


def _markdown_table(table: Table) -> str:
    columns = []
    for column in _columns(table):
        texts = [_markdown_text(f"{text} {interval}".rstrip()) for text, interval, _ in column.cells]
        title = _markdown_text(column.title)
        width = max(map(len, [title, *texts, "---"]))
        rule = "-" * (width - 1) + ":" if column.numeric else "-" * width
        columns.append([f"{one:>{width}}" if column.numeric else f"{one:<{width}}" for one in (title, rule, *texts)])
    return "\n".join(f"| {' | '.join(row)} |" for row in zip(*columns, strict=True))


def markdown(blocks: Iterable[Block]) -> str:
    """The document as Markdown; its pictures lie beside it."""
    parts = []
    for block in blocks:
        match block:
            case Heading(text, level):
                parts.append(f"{'#' * level} {_markdown_text(text)}")
            case Text(text):
                parts.append(_markdown_text(text))
            case Table():
                parts.append(_markdown_table(block))
            case Picture(file, _, caption):
                parts.append(f"![{_markdown_text(caption)}]({file})")
    return "\n\n".join(parts) + "\n"


def _html_table(table: Table) -> str:
    columns = _columns(table)
    head = "".join(f"<th{_kind(column)}>{html.escape(column.title)}</th>" for column in columns)
    rows = (
        "".join(f"<td{_kind(column)}>{_html_cell(*column.cells[index])}</td>" for column in columns)
        for index in range(len(table.rows))
    )
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _kind(column: _Column) -> str:
    return ' class="number"' if column.numeric else ""


def _html_cell(text: str, interval: str, colour: str) -> str:
    mark = f'<i style="background:{colour}"></i>' if colour else ""
    small = f"<small>{html.escape(interval)}</small>" if interval else ""
    return f"{mark}{html.escape(text)}{small}"


def page(title: str, blocks: Iterable[Block]) -> str:
    """The document as an HTML page that needs no other file."""
    parts = []
    for block in blocks:
        match block:
            case Heading(text, level):
                parts.append(f"<h{level}>{html.escape(text)}</h{level}>")
            case Text(text):
                parts.append(f"<p>{html.escape(text)}</p>")
            case Table():
                parts.append(_html_table(block))
            case Picture(_, png, caption):
                source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
                parts.append(f'<img alt="{html.escape(caption)}" src="{source}">')
    return PAGE.replace("TITLE", html.escape(title)).replace("BODY", "\n".join(parts))


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<style>
:root { color-scheme: light dark; --ink: #1f2328; --soft: #656d76; --line: #d8dee4; --page: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #343b43; --page: #14181d; } }
body { margin: 2.5rem auto; max-width: 72rem; padding: 0 1.25rem; color: var(--ink); background: var(--page);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.8rem; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; margin: 2.5rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
p { color: var(--soft); max-width: 50rem; }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--page); padding-left: 0; }
small { display: block; color: var(--soft); font-size: .75rem; }
td i { display: inline-block; width: .65rem; height: .65rem; margin-right: .5rem; border-radius: 50%; }
img { display: block; width: 100%; max-width: 62rem; margin: 1rem 0; border-radius: 6px; background: #ffffff; }
</style>
</head>
<body>
BODY
</body>
</html>
"""
