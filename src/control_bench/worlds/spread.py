"""Rows of a world spread over processes, for physics that does not step many rows at once in compiled code.

Each process has its share of the rows, in a world of its own, the one who asks too; readings come back through shared
memory. A row's episode is the same wherever it runs.
"""

import mmap
import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from control_bench.errors import BadInput
from control_bench.worlds.base import Readings, World

ENDED = "a process of the world has ended: start again"
SPIN = 2e-4
"""For so long who waits looks again and again before it sleeps, s: to be woken takes a processor about a tenth of a
step of 2 rows of Bullet's, and the others are almost done."""


class SpreadWorld:
    """A world whose rows are stepped by several processes at once.

    Args:
        make_world: makes a world of so many rows; called in each process, which is forked. rows: in all. processes: at
            most one a row; this one is counted, and has the first share.
    """

    def __init__(self, make_world: Callable[[int], World], rows: int, processes: int) -> None:
        context = multiprocessing.get_context("fork")
        self.rows = rows
        edges = np.linspace(0, rows, min(processes, rows) + 1).round().astype(int)
        self._shares = [slice(first, last) for first, last in zip(edges[:-1], edges[1:], strict=True)]
        self._written = False
        self._world = make_world(int(edges[1]))
        self._readings = {
            name: _shared((rows, *values.shape[1:]), values.dtype) for name, values in self._world.read().items()
        }
        self._pipes: list[Connection] = []
        self._processes = []
        for share in self._shares[1:]:
            ours, theirs = context.Pipe()
            arguments = theirs, make_world, self._of(share), share.stop - share.start
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def _of(self, share: slice) -> Readings:
        return {name: values[share] for name, values in self._readings.items()}

    def _ask_all(self, questions: list[tuple]) -> list[Any]:
        """Asks every process at once, does its own part, and waits for them all."""
        for pipe, question in zip(self._pipes, questions[1:], strict=True):
            try:
                pipe.send(question)
            except OSError:
                raise RuntimeError(ENDED) from None
        answers = []
        try:
            answers.append((True, _do(self._world, self._of(self._shares[0]), *questions[0])))
        except Exception as fault:
            answers.append((False, fault))
        finally:  # every answer is taken, or the next question would get what is left of this one
            for pipe in self._pipes:
                try:
                    answers.append(_receive(pipe))
                except (EOFError, OSError):
                    answers.append((False, RuntimeError(ENDED)))
        for done, answer in answers:
            if not done:
                raise answer
        return [answer for _, answer in answers]

    def why_not(self, start: np.ndarray) -> str | None:
        return self._world.why_not(start)

    def reset(self, rows: np.ndarray, starts: np.ndarray, rngs: list[np.random.Generator]) -> None:
        questions = []
        for share in self._shares:
            mine = np.flatnonzero((rows >= share.start) & (rows < share.stop))
            generators = [rngs[i] for i in mine] if rngs else []
            questions.append(("reset", rows[mine] - share.start, starts[mine], generators))
        self._ask_all(questions)
        self._written = False

    def step(self, command: np.ndarray, active: np.ndarray | None = None) -> None:
        parts = [(command[share], None if active is None else active[share]) for share in self._shares]
        self._ask_all([("step", *part) for part in parts])
        self._written = True

    def read(self) -> Readings:
        """What the processes wrote after the last step; to read again would draw the sensors' noise again."""
        if not self._written:
            self._ask_all([("read",)] * len(self._shares))
            self._written = True
        return {name: values.copy() for name, values in self._readings.items()}

    def get_state(self) -> dict:
        return {"shares": self._ask_all([("get_state",)] * len(self._shares))}

    def set_state(self, state: dict) -> None:
        if len(state["shares"]) != len(self._shares):
            raise BadInput(f"processes: were {len(state['shares'])}, not {len(self._shares)}: set as many as before")
        self._ask_all([("set_state", share) for share in state["shares"]])
        self._written = False

    def close(self) -> None:
        """Ends the processes."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            if process.is_alive():
                pipe.send(("close",))  # its end of the pipe is held by those that were forked after it too
            process.join()
            pipe.close()
        self._pipes, self._processes = [], []

    def __del__(self) -> None:
        if getattr(self, "_processes", None):
            self.close()


def _shared(shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """An array in memory that processes forked later share."""
    size = int(np.prod(shape)) * kind.itemsize
    return np.ndarray(shape, kind, mmap.mmap(-1, max(size, 1)))


def _do(world: World, readings: Readings, what: str, *arguments: Any) -> Any:
    """What a process is asked, its readings written."""
    answer = getattr(world, what)(*arguments) if what != "read" else None
    if what in ("step", "read"):
        for name, values in world.read().items():
            readings[name][...] = values
    return answer


def _receive(pipe: Connection) -> Any:
    until = time.perf_counter() + SPIN
    while not pipe.poll() and time.perf_counter() < until:
        pass
    return pipe.recv()


def _serve(pipe: Connection, make_world: Callable[[int], World], readings: Readings, rows: int) -> None:
    """A process's life: does what it is asked, until it is told that it is over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    world = make_world(rows)
    while True:
        try:
            question = _receive(pipe)
        except EOFError:
            return
        if question == ("close",):
            return
        try:
            pipe.send((True, _do(world, readings, *question)))
        except Exception as fault:
            pipe.send((False, fault))
