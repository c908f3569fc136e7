"""The episode store: it keeps everything once, for many writers, and touches no file that is not one."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from control_bench.bench.episode import Episode, Run, episode_seed, summary
from control_bench.bench.store import Store
from control_bench.errors import BadInput

ARRAYS = hnp.arrays(st.sampled_from([np.float32, np.float64, np.int64]), hnp.array_shapes(max_dims=2, max_side=4))
SPAWN = multiprocessing.get_context("spawn")  # pytest's process has threads of torch's, which no fork survives


def run(**changes):
    return Run(**{"task": "drivebot", "controller": "dqn", "seed": 7} | changes)


def episode(index=0, **changes):
    rng = np.random.default_rng(index)
    return Episode(**{
        "index": index, "seed": episode_seed(7, index), "outcome": "stuck", "scores": {"distance": 1.5, "laps": -0.25},
        "seconds": 0.125, "rewards": rng.normal(size=9), "actions": rng.integers(0, 3, 9),
        "readings": {"sonar": rng.random((10, 3)).astype(np.float32), "pose": rng.random((10, 3))},
    } | changes)  # fmt: skip


def assert_same(one, other):
    for name in ("index", "seed", "outcome", "scores", "seconds"):
        assert getattr(one, name) == getattr(other, name)
    assert one.readings.keys() == other.readings.keys()
    pairs = [(one.rewards, other.rewards), (one.actions, other.actions)]
    for mine, theirs in pairs + [(one.readings[name], other.readings[name]) for name in one.readings]:
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def refusal(path, **options):
    with pytest.raises(BadInput) as caught:
        Store(path, **options)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_runs_and_episodes_come_back_as_they_were(tmp_path):
    path = tmp_path / "new" / "a.db"
    settings = {"map": "track", "starts": None, "layers": [8, 4], "speed": 0.1}
    with Store(path) as store:
        first = store.add_run(run(learning=True, label="é'; --", task_settings=settings, controller_settings={"a": 1}))
        for index in (2, 0, 1):
            store.add_episode(first, episode(index))
        store.add_run(run(controller="q_table", seed=2**63 - 1, via="lockstep"))
    with Store(path, create=False) as store:
        runs = store.runs()
        assert [one.controller for one in runs] == ["dqn", "q_table"] and runs[1].seed == 2**63 - 1
        assert runs[0] == first and first.id and first.started
        for index, stored in enumerate(store.episodes(runs[0])):  # in order, whatever the order of writing
            assert_same(stored, episode(index))
        assert store.count(runs[0]) == 3 and store.numbers(runs[0]) == {0, 1, 2} and store.count(runs[1]) == 0


@given(
    rewards=hnp.arrays(np.float64, st.integers(0, 5)), actions=ARRAYS, outcome=st.text(st.characters(codec="utf-8")),
    readings=st.dictionaries(st.from_regex(r"[a-z_/]{1,9}", fullmatch=True), ARRAYS, max_size=3),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_whatever_was_recorded_comes_back(tmp_path_factory, rewards, actions, outcome, readings):
    rewards = np.nan_to_num(rewards, posinf=1.0, neginf=-1.0)
    given_episode = episode(0, rewards=rewards, actions=actions, outcome=outcome, readings=readings)
    with Store(tmp_path_factory.mktemp("store") / "a.db") as store:
        added = store.add_run(run())
        store.add_episode(added, given_episode)
        (stored,) = store.episodes(added)
    assert_same(stored, given_episode)


def test_none_is_ever_doubled(tmp_path):
    with Store(tmp_path / "a.db") as store:
        first = store.add_run(run(label="first"))
        store.add_run(Run(**vars(first) | {"label": "again"}))
        store.add_episode(first, episode(0))
        store.add_episode(first, episode(0, outcome="another"))
        assert [one.label for one in store.runs()] == ["first"]
        assert [one.outcome for one in store.episodes(first)] == ["stuck"]
        other = store.add_run(run(label="first"))  # another run of the same is another run
        assert len(store.runs()) == 2 and store.count(other) == 0


def write_many(path, label, count, barrier):
    """What each of several processes does."""
    with Store(path) as store:
        added = store.add_run(run(label=label))
        barrier.wait()
        for index in range(count):
            store.add_episode(added, episode(index))


def test_two_processes_write_at_once(tmp_path):
    path, barrier = tmp_path / "a.db", SPAWN.Barrier(2)
    Store(path).close()
    processes = [SPAWN.Process(target=write_many, args=(path, label, 40, barrier)) for label in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    with Store(path, create=False) as store:
        assert sorted(one.label for one in store.runs()) == ["a", "b"]
        for one in store.runs():
            for index, stored in enumerate(store.episodes(one)):
                assert_same(stored, episode(index))
            assert store.count(one) == 40


def make_many(folder, count, barrier, errors):
    for number in range(count):
        barrier.wait(30)
        try:
            Store(folder / f"{number}.db").close()
        except BadInput as error:
            errors.put(str(error))


def test_several_processes_make_a_store_at_once(tmp_path):
    barrier, errors = SPAWN.Barrier(3), SPAWN.SimpleQueue()
    processes = [SPAWN.Process(target=make_many, args=(tmp_path, 25, barrier, errors)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    refused = []
    while not errors.empty():
        refused.append(errors.get())
    assert refused == []


KILLED = """
import sys, time
sys.path.insert(0, {folder!r})
from test_store import Store, episode, run
store = Store({path!r})
added = store.add_run(run())
for index in range(10_000):
    store.add_episode(added, episode(index))
    print(index, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_was_stored(tmp_path):
    path = tmp_path / "a.db"
    script = KILLED.format(folder=str(Path(__file__).parent), path=str(path))
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    told = [writer.stdout.readline() for _ in range(25)]
    os.kill(writer.pid, signal.SIGKILL)
    told += writer.stdout.readlines()
    writer.wait()
    last = max(int(line) for line in told if line.endswith("\n") and line.strip())
    with Store(path, create=False) as store:
        (only,) = store.runs()
        assert last >= 24 and last + 1 <= store.count(only) <= last + 2  # one may be stored and not told yet
        for index, stored in enumerate(store.episodes(only)):
            assert_same(stored, episode(index))
        store.add_episode(only, episode(20_000))  # and it can be written on


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_store_is_refused_and_left_unchanged(tmp_path, create):
    path = tmp_path / "a.db"
    for content in (b"these are notes, not a database\n" * 50, b"\x00" * 5000, b"SQLite format 3\x00" + b"\x07" * 5000):
        path.write_bytes(content)
        assert "store" in refusal(path, create=create)
        assert path.read_bytes() == content
        assert [one.name for one in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("version", [0, 1, 2])  # a number that others use too, each as they like
@pytest.mark.parametrize("table", ["notes", "runs"])
def test_someone_elses_database_is_refused_and_left_unchanged(tmp_path, create, version, table):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE {table} (text)")
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="not an episode store"):
        Store(path, create=create).close()
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]


def test_a_store_of_another_version_is_refused(tmp_path):
    path = tmp_path / "a.db"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for create in (True, False):
        assert "not an episode store of this version" in refusal(path, create=create)


def test_an_empty_file_becomes_a_store_but_does_not_count_as_one(tmp_path):
    path = tmp_path / "a.db"
    path.touch()
    assert "not an episode store" in refusal(path, create=False)
    with Store(path) as store:
        assert store.runs() == []


def test_a_missing_store_is_refused_and_not_made(tmp_path):
    assert "no such store" in refusal(tmp_path / "none.db", create=False)
    assert "no such store" in refusal(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file" / "a.db", tmp_path / "file" / "b" / "a.db", tmp_path):
        assert "can't be used as a store" in refusal(path)
    assert (tmp_path / "file").read_text() == "kept"


def test_a_store_that_cannot_be_written_any_more_says_so_and_keeps_what_it_holds(tmp_path):
    with Store(tmp_path / "a.db") as store:
        added = store.add_run(run())
        store.add_episode(added, episode(0))
        store._db.execute(f"PRAGMA max_page_count = {store._db.execute('PRAGMA page_count').fetchone()[0]}")
        big = episode(1, readings={"sonar": np.random.default_rng(0).random((3000, 3))})
        with pytest.raises(BadInput, match="can't be written .*full"):
            store.add_episode(added, big)
        assert store.numbers(added) == {0}


def test_a_store_cut_short_is_refused_when_read(tmp_path):
    path = tmp_path / "a.db"
    with Store(path) as store:
        added = store.add_run(run())
        for index in range(30):
            store.add_episode(added, episode(index))
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(BadInput, match="a.db"), Store(path, create=False) as store:
            for one in store.runs():
                list(store.episodes(one))


def test_a_summary_tells_every_episode():
    told = summary(run(), [episode(0), episode(1, scores={"distance": 2.0}, seconds=0.375, outcome="completed")])
    assert told["episodes"] == 2 and told["steps"] == [9, 9] and told["outcomes"] == ["stuck", "completed"]
    assert told["rewards"] == [episode(0).reward, episode(1).reward]
    assert told["mean_reward"] == pytest.approx(sum(told["rewards"]) / 2)
    assert told["scores"] == {"distance": [1.5, 2.0], "laps": [-0.25, None]}
    assert told["seconds"] == 0.5 and told["steps_per_second"] == 36.0
    assert summary(run(), [])["mean_reward"] is None and summary(run(), [])["steps_per_second"] is None


def test_neighbouring_runs_share_no_episode_seeds():
    seeds = [episode_seed(seed, index) for seed in range(40) for index in range(40)]
    assert len(set(seeds)) == 1600 and all(0 <= seed < 2**63 for seed in seeds)
    assert episode_seed(3, 5) == episode_seed(3, 5)
