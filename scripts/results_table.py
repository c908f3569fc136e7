"""What the scripts that write the README's tables share: the command line as a user has it, and a table's place."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def control_bench(*arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "control_bench.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def results_of(task: str) -> Path:
    """Where a task's raw figures are kept."""
    return ROOT / "docs" / "results" / f"{task}.json"


def read_rows(task: str) -> list[dict]:
    """A task's raw figures so far."""
    return json.loads(results_of(task).read_text()) if results_of(task).is_file() else []


def write_rows(task: str, rows: list[dict]) -> None:
    """Keeps a task's raw figures, a row a line."""
    results_of(task).parent.mkdir(parents=True, exist_ok=True)
    results_of(task).write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def keep(task: str, rows: list[dict], lines: list[str]) -> None:
    """Keeps the raw figures, and writes the lines into the README, between the task's marks."""
    write_rows(task, rows)
    write_table(ROOT / "README.md", task, lines)


def write_table(page: Path, name: str, lines: list[str]) -> None:
    """Writes lines into a page, between the marks of that name."""
    table, mark = "\n".join(lines), f"<!-- results: {name} -->"
    before, rest = page.read_text().split(mark)
    after = rest.split("<!-- /results -->", 1)[1]
    page.write_text(f"{before}{mark}\n{table}\n<!-- /results -->{after}")
    print(table)
