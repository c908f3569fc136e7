"""Jobs of several processes: each is done once, by whoever has time, and what goes wrong is told."""

import multiprocessing
import os
import signal
import time
from functools import partial

import pytest

from control_bench.jobs import ProcessEnded, do_jobs


def note(folder, number, slow=()):
    """A job: leaves a file that tells who did it."""
    time.sleep(0.3 if number in slow else 0.0)
    with open(folder / str(number), "x") as file:  # a second time fails
        file.write(str(os.getpid()))


def fail(number):
    raise ValueError(f"job {number}")


def end(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def forked(monkeypatch):
    """Processes that begin at once, as they have nothing to import."""
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: context)


def never():
    return False


@pytest.mark.parametrize("count", [1, 2, 30])
def test_every_job_is_done_once_and_told_of(tmp_path, count):
    told = []
    do_jobs(partial(note, tmp_path), range(count), 3, lambda: told.append(1), never)
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == list(range(count)) and len(told) == count


def test_who_is_held_up_by_one_does_fewer(tmp_path):
    do_jobs(partial(note, tmp_path, slow=(0,)), range(20), 2, lambda: None, never)
    who = [(tmp_path / str(number)).read_text() for number in range(20)]
    assert who.count(who[0]) < 5 and len(set(who)) == 2


def test_once_it_is_to_stop_no_job_is_begun(tmp_path):
    told = []
    do_jobs(partial(note, tmp_path), range(30), 2, lambda: told.append(1), lambda: len(told) >= 3)
    assert len(told) == len(list(tmp_path.iterdir())) in (3, 4)


def test_what_a_job_raises_is_raised_and_the_others_are_ended():
    with pytest.raises(ValueError, match="job [01]"):
        do_jobs(fail, range(4), 2, lambda: None, never)
    assert not multiprocessing.active_children()


def test_a_process_that_was_ended_is_told():
    with pytest.raises(ProcessEnded, match="status -9"):
        do_jobs(end, range(4), 2, lambda: None, never)
    assert not multiprocessing.active_children()
