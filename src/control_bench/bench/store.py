"""The episode store: one SQLite file, one row a run, one row an episode, written when the episode ends.

A killed process loses at most the episode under way; many processes may write to one store (WAL). Sensor readings and
actions are kept whole, as a compressed `.npz` in a column, so that what a controller saw can be computed again.
"""

import io
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from control_bench.bench.episode import Episode, Run
from control_bench.errors import BadInput

FORMAT = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, started TEXT NOT NULL, task TEXT NOT NULL, controller TEXT NOT NULL, label TEXT NOT NULL,
    seed INTEGER NOT NULL, via TEXT NOT NULL, learning INTEGER NOT NULL, task_settings TEXT NOT NULL,
    controller_settings TEXT NOT NULL, version TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS episodes (
    run TEXT NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, seed INTEGER NOT NULL, reward REAL NOT NULL,
    steps INTEGER NOT NULL, outcome TEXT NOT NULL, scores TEXT NOT NULL, seconds REAL NOT NULL, traces BLOB NOT NULL,
    PRIMARY KEY (run, number)
);
"""
COLUMNS = (
    {"id", "started", "task", "controller", "seed", "via", "learning"},
    {"run", "number", "seed", "reward", "steps", "outcome", "scores", "seconds", "traces"},
)
WAL_TRIES = 200
RUN_COLUMNS = "id, started, task, controller, label, seed, via, learning, task_settings, controller_settings, version"


class Store:
    """Opens a store, or makes one; BadInput if the file can't be used.

    Args:
        path: the SQLite file. create: make it (and its folder) if it is not there.
    """

    def __init__(self, path: str | Path, create: bool = True) -> None:
        self.path = Path(path)
        if not create and not self.path.is_file():
            raise BadInput(f"{path}: there is no such store: name a file that `run --store` wrote")
        try:
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
            if create:
                self._make()
            else:
                self._check()
        except (OSError, sqlite3.Error) as error:
            mend = "name a file in a folder you may write to" if create else "name a file that `run --store` wrote"
            raise BadInput(f"{path}: can't be used as a store ({error}): {mend}") from None

    def _make(self) -> None:
        """Makes the tables in a file that is empty, in one step, as others may be at it too."""
        self._db.execute("PRAGMA busy_timeout = 30000")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self._tables():
                for statement in SCHEMA.strip().split(";\n"):
                    self._db.execute(statement.rstrip(";"))
                self._db.execute(f"PRAGMA user_version = {FORMAT}")
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._check()
        for _ in range(WAL_TRIES):  # the switch does not wait for others by itself
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                time.sleep(0.05)

    def _tables(self) -> set[str]:
        return {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def _check(self) -> None:
        """BadInput unless the file holds our tables, in this version, with our columns."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        columns = [
            {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")} for table in ("runs", "episodes")
        ]
        if version != FORMAT or not all(names >= wanted for names, wanted in zip(columns, COLUMNS, strict=True)):
            raise BadInput(f"{self.path}: not an episode store of this version: name another file")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def add_run(self, run: Run) -> Run:
        """Stores a run and gives it its id and time; one that is already there (by its id) is left as it is."""
        run.id = run.id or uuid.uuid4().hex
        run.started = run.started or datetime.now(timezone.utc).isoformat(timespec="seconds")
        values = (
            run.id, run.started, run.task, run.controller, run.label, run.seed, run.via, run.learning,
            json.dumps(run.task_settings), json.dumps(run.controller_settings), run.version,
        )  # fmt: skip
        self._write(f"INSERT OR IGNORE INTO runs ({RUN_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
        return run

    def add_episode(self, run: Run, episode: Episode) -> None:
        """Stores an episode; one of the same number in the same run is left as it is, so none is ever doubled."""
        packed = io.BytesIO()
        readings = {f"readings/{name}": values for name, values in episode.readings.items()}
        np.savez_compressed(packed, rewards=episode.rewards, actions=episode.actions, **readings)
        values = (
            run.id, episode.index, episode.seed, episode.reward, episode.steps, episode.outcome,
            json.dumps(episode.scores), episode.seconds, packed.getvalue(),
        )  # fmt: skip
        self._write("INSERT OR IGNORE INTO episodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def _write(self, statement: str, values: tuple) -> None:
        try:
            self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise BadInput(
                f"{self.path}: can't be written ({error}); what it holds is kept: free it or its disk"
            ) from None

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        rows = self._db.execute(f"SELECT {RUN_COLUMNS} FROM runs ORDER BY started, rowid").fetchall()
        names = [name.strip() for name in RUN_COLUMNS.split(",")]
        runs = []
        for row in rows:
            values = dict(zip(names, row, strict=True))
            values["learning"] = bool(values["learning"])
            for name in ("task_settings", "controller_settings"):
                values[name] = json.loads(values[name])
            runs.append(Run(**values))
        return runs

    def count(self, run: Run) -> int:
        """How many episodes of a run are stored."""
        return self._db.execute("SELECT count(*) FROM episodes WHERE run = ?", (run.id,)).fetchone()[0]

    def numbers(self, run: Run) -> set[int]:
        """The numbers of a run's stored episodes."""
        return {row[0] for row in self._db.execute("SELECT number FROM episodes WHERE run = ?", (run.id,))}

    def episodes(self, run: Run) -> Iterator[Episode]:
        """A run's episodes in their order, with all that was recorded."""
        columns = "number, seed, outcome, scores, seconds, traces"
        for row in self._db.execute(f"SELECT {columns} FROM episodes WHERE run = ? ORDER BY number", (run.id,)):
            number, seed, outcome, scores, seconds, traces = row
            with np.load(io.BytesIO(traces), allow_pickle=False) as arrays:
                readings = {n.removeprefix("readings/"): arrays[n] for n in arrays.files if n.startswith("readings/")}
                rewards, actions = arrays["rewards"], arrays["actions"]
            yield Episode(number, seed, outcome, json.loads(scores), seconds, rewards, actions, readings)
