"""Numbered jobs, done by several processes at once."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait


class ProcessEnded(Exception):
    """Somebody ended a process, or the system did."""


def do_jobs(
    do: Callable[[int], None], numbers: Sequence[int], processes: int, done: Callable[[], None],
    stop: Callable[[], bool],
) -> None:  # fmt: skip
    """Does every job once; whichever process has done one gets the next.

    Args:
        do: pickled once for each process. done: told of each job. stop: asked then; once it is true the jobs under way
            are finished, and no others begun.

    Raises:
        ProcessEnded, or what a job raises.
    """
    context, workers, left = multiprocessing.get_context("spawn"), {}, iter(numbers)
    try:
        for _ in range(min(processes, len(numbers))):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(do, theirs), daemon=True)
            worker.start()
            workers[ours] = worker
            theirs.close()
            ours.send(next(left))
        while workers:
            for connection in wait(list(workers)):
                try:
                    told = connection.recv()
                except (EOFError, ConnectionError):
                    worker = workers.pop(connection)
                    worker.join()
                    if worker.exitcode and not stop():
                        why = f"a process was ended (status {worker.exitcode}; short of memory?)"
                        raise ProcessEnded(why) from None
                    continue
                if isinstance(told, Exception):
                    raise told
                done()
                with contextlib.suppress(ConnectionError):  # that it is gone is found in a moment
                    connection.send(None if stop() else next(left, None))
    finally:
        for worker in workers.values():
            worker.terminate()
            worker.join()


def _work(do: Callable[[int], None], connection: Connection) -> None:
    """A process: does what it is told, until it is told of nothing more; ends where nobody listens any longer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent says when to stop
    with contextlib.suppress(ConnectionError, EOFError):
        while (number := connection.recv()) is not None:
            try:
                do(number)
            except Exception as error:
                connection.send(error)
                return
            connection.send(number)
