"""Reads TensorBoard curves."""

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point (step, value) of the curves in a training's folder, in the order that they were written in."""
    points: dict[str, list[tuple[int, float]]] = {}
    for file in sorted((folder / "curves").iterdir()):
        for event in LegacyEventFileLoader(str(file)).Load():
            for value in event.summary.value:
                points.setdefault(value.tag, []).append((event.step, value.simple_value))
    return points
