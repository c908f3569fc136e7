"""The table that `run` and the launch files end with."""

from typing import Any

import numpy as np

COLUMNS = ("controller", "via", "episodes", "mean reward", "median", "steps", "outcomes", "steps/s")


def print_table(results: list[dict[str, Any]]) -> None:
    """Prints a row for each result, as `summary` gives them."""
    rows = [COLUMNS, *(_row(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    name = result["controller"] + (f" {result['label']}" if result["label"] else "")
    if not result["episodes"]:
        return (name, result["via"], "0", "-", "-", "-", "-", "-")
    outcomes = sorted(set(result["outcomes"]))
    counts = ", ".join(f"{result['outcomes'].count(outcome)} {outcome}" for outcome in outcomes)
    return (
        name, result["via"], str(result["episodes"]), f"{result['mean_reward']:.1f}",
        f"{np.median(result['rewards']):.1f}", f"{np.mean(result['steps']):.1f}", counts,
        f"{result['steps_per_second']:.0f}",
    )  # fmt: skip
