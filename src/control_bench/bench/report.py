"""The report: everything that stores hold, side by side, as Markdown, as one HTML page, and as plots."""

import os
import re
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from control_bench.bench import document
from control_bench.bench.digest import Digest
from control_bench.bench.document import Block, Heading, Picture, Text
from control_bench.bench.episode import Episode, Run, summary
from control_bench.bench.plot_style import looks_of, png
from control_bench.bench.report_figures import figures
from control_bench.bench.report_tables import details, overview
from control_bench.bench.store import Store
from control_bench.errors import BadInput

TOLD_APART_BY = 2
"""Settings, at most, that are named to tell runs apart."""


def summaries(stores: Sequence[Path]) -> list[dict[str, Any]]:
    """The `summary` of each run that has episodes, store by store; BadInput as `write_report`."""
    # A summary needs no readings: without them a run of a thousand episodes is a few megabytes.
    return [
        summary(run, [replace(episode, readings={}) for episode in _episodes(path, run)])
        for path, run in _runs(stores)
    ]  # fmt: skip


def write_report(stores: Sequence[Path], out: Path) -> Path:
    """Writes report.md, report.html and the plots as PNGs into a folder, which is made if it is not there.

    Args:
        stores: files that `run --store` wrote; a run that is in several of them is reported once.
        out: the folder; what it holds of an earlier report is replaced.

    Returns:
        The HTML file's path; that file needs no other.

    Raises:
        BadInput: a store that is not one, is damaged or holds no episode; a folder that can't be written.
    """
    found = _runs(stores)
    out = Path(out)
    _writable(out)
    title = "control_bench report"
    blocks: list[Block] = [Heading(title, 1), Text(f"Made from {', '.join(str(path) for path in stores)}.")]
    for task in dict.fromkeys(run.task for _, run in found):
        here = [(path, run) for path, run in found if run.task == task]
        names = display_names([run for _, run in here])
        digests = [Digest(run, name, _episodes(path, run)) for (path, run), name in zip(here, names, strict=True)]
        blocks += _section(task, digests)
    for picture in (block for block in blocks if isinstance(block, Picture)):
        _write(out / picture.file, picture.png)
    _write(out / "report.md", document.markdown(blocks).encode())
    _write(out / "report.html", document.page(title, blocks).encode())
    return out / "report.html"


def _section(task: str, digests: list[Digest]) -> list[Block]:
    slug = re.sub(r"[^\w.-]+", "-", task)
    looks = looks_of(digest.name for digest in digests)
    drawn = figures(digests, looks)
    pictures = [Picture(f"{slug}-{name}.png", png(figure), f"{task}: {name}") for name, figure in drawn.items()]
    return [Heading(task, 2), *overview(digests, looks), *pictures, *details(digests, looks)]


def _runs(stores: Sequence[Path]) -> list[tuple[Path, Run]]:
    """The runs that have episodes, each with the store it is in."""
    found: dict[str, tuple[Path, Run]] = {}
    for path in stores:
        with Store(path, create=False) as store:
            try:
                runs = [run for run in store.runs() if store.count(run)]
            except (sqlite3.Error, ValueError) as error:
                raise _damaged(path, error) from None
        if not runs:
            raise BadInput(f"{path}: it holds no episode yet: make some with `run … --store {path}`")
        for run in runs:
            found.setdefault(run.id, (Path(path), run))
    return list(found.values())


def _episodes(path: Path, run: Run) -> Iterator[Episode]:
    with Store(path, create=False) as store:
        try:
            yield from store.episodes(run)
        except (sqlite3.Error, zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
            raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path}: the store is damaged ({error}): report from a copy of it, or from the others")


def display_names(runs: Sequence[Run]) -> list[str]:
    """A name for each run that no other has: the controller, and what tells it from the others."""
    names = [_name(run) for run in runs]
    alike = {name: [run for run in runs if _name(run) == name] for name in names}
    names = [name + _settings_apart(run, alike[name]) for run, name in zip(runs, names, strict=True)]
    often = Counter(names)
    names = [f"{name}, seed {run.seed}" if often[name] > 1 else name for name, run in zip(names, runs, strict=True)]
    often, met = Counter(names), Counter()
    for index, name in enumerate(names):
        if often[name] > 1:
            met[name] += 1
            names[index] = f"{name} #{met[name]}"
    return names


def _settings_apart(run: Run, others: Sequence[Run]) -> str:
    """The few settings by which a run differs from those of its name; no list where they are many."""
    values = [one.task_settings | one.controller_settings for one in others]
    mine = run.task_settings | run.controller_settings
    apart = [key for key in mine if any(value.get(key) != mine[key] for value in values)]
    return "".join(f", {key} {mine[key]}" for key in apart) if len(apart) <= TOLD_APART_BY else ""


def _name(run: Run) -> str:
    # Of a user's own `package.module:Class` the class says enough.
    parts = [run.controller.rpartition(":")[2], run.label.strip()]
    remarks = ["learning"] * run.learning + [f"over ROS, {run.via}"] * (run.via != "in-process")
    return " ".join(filter(None, parts)) + (f" ({', '.join(remarks)})" if remarks else "")


def _writable(out: Path) -> None:
    """Makes the folder and tries it, before the minutes that a large store takes."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise BadInput(f"{out}: can't be written: name a folder of yours with --out")


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(f"{path}: can't be written ({error.strerror}): name a folder of yours with --out")


def _write(path: Path, content: bytes) -> None:
    """Beside, then renamed: a kill leaves the old file or the new one, never half of one."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
