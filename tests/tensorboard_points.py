"""Reads TensorBoard curves."""

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader


def points(folder: Path) -> dict[str, list[int]]:
    """The steps of every curve in a training's folder, in the order that they were written in."""
    steps: dict[str, list[int]] = {}
    for file in sorted((folder / "curves").iterdir()):
        for event in LegacyEventFileLoader(str(file)).Load():
            for value in event.summary.value:
                steps.setdefault(value.tag, []).append(event.step)
    return steps
