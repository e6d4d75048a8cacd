"""SQLite: what survives, what several processes may do, what a viewer sees."""

from __future__ import annotations

import math
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.errors import Conflict, StorageError
from trimtab.records import Created, Finished, Released, Reported, Started
from trimtab.storage import Memory, SQLite
from trimtab.storage._rows import events_of, row_of
from trimtab.storage._schema import VERSION, name_from_text, text_from_name


def created(number: int) -> Created:
    return Created(number, {"lr": 0.1, "solver": "adam"}, "sampler", 1.7e9)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.db"


@given(st.text(st.characters(exclude_categories=[]), max_size=20))
def test_any_name_is_a_text_and_back(name):
    text = text_from_name(name)

    assert name_from_text(text) == name
    assert "\0" not in text
    text.encode()  # fit for every tool: no lone surrogate


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(), st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=50)
def test_an_event_is_a_row_and_back(text, reported, value):
    events = [
        Created(3, {text: [text, value]}, "user", 1.0),
        Reported(3, 1, (1.0,), (reported,), 2.0),
        Finished(3, "failed", value, None, text, 3.0),
    ]

    assert repr(events_of([row_of(event) for event in events], "here")) == repr(
        events
    )  # repr: NaN is not equal to itself


def test_what_was_appended_is_there_after_reopening(path):
    storage = SQLite(path)
    storage.append("s", [created(0), created(1)])
    storage.close()

    again = SQLite(path, must_exist=True)
    assert again.read("s") == ([created(0), created(1)], 2)
    assert again.names() == ["s"]
    again.close()
    with pytest.raises(StorageError, match="closed"):
        again.read("s")


def test_the_trials_view_reads_without_trimtab(path):
    storage = SQLite(path)
    storage.append("s", [created(n) for n in range(4)])
    storage.append("s", [Started(n, 0, {}, 1.7e9 + 60) for n in range(3)])
    storage.append("s", [Released(1, 0, 1.7e9 + 61), Finished(0, "finished", 0.5, 2.0, None, 1.7e9 + 62)])
    storage.append("s", [Finished(2, "failed", None, None, "boom", 1.7e9 + 63)])
    storage.close()

    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT study, number, state, value, seconds, params, error FROM trials ORDER BY number"
        ).fetchall()
        times = db.execute("SELECT created, started, finished FROM trials WHERE number = 0").fetchone()
    params = '{"lr":0.1,"solver":"adam"}'
    assert rows == [
        ("s", 0, "finished", 0.5, 2.0, params, None),
        ("s", 1, "created", None, None, params, None),
        ("s", 2, "failed", None, None, params, "boom"),
        ("s", 3, "created", None, None, params, None),
    ]
    assert times == ("2023-11-14 22:13:20.000", "2023-11-14 22:14:20.000", "2023-11-14 22:14:22.000")


def outcomes(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT number, value, outcomes FROM trials ORDER BY number").fetchall()


def test_the_trials_view_shows_what_was_told_by_name(path):
    storage = SQLite(path)
    storage.append("s", [created(n) for n in range(3)])
    storage.append("s", [Finished(0, "finished", None, None, None, 0.0, {"error": 0.25, "latency": 3.0})])
    storage.append("s", [Finished(1, "failed", None, None, "inf", 0.0, {"error": 0.5, "latency": math.inf})])
    storage.append("s", [Finished(2, "finished", 0.5, None, None, 0.0)])
    storage.close()

    assert outcomes(path) == [
        (0, None, '{"error":0.25,"latency":3.0}'),
        (1, None, '{"error":0.5,"latency":"inf"}'),
        (2, 0.5, None),
    ]
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT json_extract(outcomes, '$.latency') FROM trials WHERE state = 'finished'").fetchall()
    assert found == [(3.0,), (None,)]


def with_old_view(path):
    """A file as versions wrote it whose view had no columns for outcomes and gradients."""
    storage = SQLite(path)
    storage.append("s", [created(0), Finished(0, "finished", 0.5, None, None, 0.0, {"value": 0.5, "memory": 7.0})])
    storage.close()
    with closing(sqlite3.connect(path)) as db:
        (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'trials'").fetchone()
        lines = "".join(f"        json_extract(f.body, '$.{name}') AS {name},\n" for name in ("outcomes", "gradient"))
        assert text.count(lines) == 1
        db.execute("DROP VIEW trials")
        db.execute(text.replace(lines, ""))
        db.commit()
        with pytest.raises(sqlite3.OperationalError, match="outcomes"):
            db.execute("SELECT outcomes FROM trials")


def test_opening_an_older_file_renews_its_view_and_nothing_else(path):
    with_old_view(path)
    before = SQLite(path, readonly=True).read("s")
    with pytest.raises(sqlite3.OperationalError, match="outcomes"):  # a viewer changes nothing
        outcomes(path)

    SQLite(path, must_exist=True).close()
    assert outcomes(path) == [(0, 0.5, '{"value":0.5,"memory":7.0}')]
    again = SQLite(path)
    assert again.read("s") == before
    again.append("s", [created(1)])
    again.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'view'").fetchone() == (1,)


def test_an_old_view_that_cannot_be_renewed_now_is_renewed_later(path):
    with_old_view(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        storage = SQLite(path)
        assert len(storage.read("s")[0]) == 2
        storage.close()
        other.execute("ROLLBACK")
    SQLite(path).close()
    assert outcomes(path) == [(0, 0.5, '{"value":0.5,"memory":7.0}')]


def test_a_file_without_the_view_stays_without_it(path):
    with_old_view(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP VIEW trials")
        db.commit()
    SQLite(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert not db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()


def test_two_connections_see_each_other_and_conflict(path):
    one, two = SQLite(path), SQLite(path)
    one.append("s", [created(0)])

    events, position = two.read("s")
    assert events == [created(0)]
    with pytest.raises(Conflict, match="created 0"):
        two.append("s", [created(1), created(0)])
    two.append("s", [created(1)])
    assert one.read("s", position)[0] == [created(1)]
    one.close()
    two.close()


RACE = """
import sys
import threading
from trimtab.errors import Conflict
from trimtab.records import Created, Finished, Started
from trimtab.storage import SQLite
storage, won = SQLite(sys.argv[1]), []
for number in range(150):
    try:
        storage.append("s", [Created(number, {}, "sampler", 0.0), Started(number, 0, {"pid": int(sys.argv[2])}, 0.0)])
        storage.append("s", [Finished(number, "finished", 1.0, 0.0, None, 0.0)])
        won.append(number)
    except Conflict:
        pass
print(len(won))
"""


def test_several_processes_may_write_at_once(path):
    """All make the same file at the same time, and race for the same numbers: each is won once."""
    writers = [
        subprocess.Popen([sys.executable, "-c", RACE, path, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(3)
    ]
    won = [int(writer.communicate(timeout=120)[0]) for writer in writers]

    assert sum(won) == 150
    storage = SQLite(path)
    kinds = [event.kind for event in storage.read("s")[0]]
    assert kinds.count("created") == kinds.count("started") == kinds.count("finished") == 150
    storage.close()


FORK = """
import os, sys
from trimtab.records import Created
from trimtab.storage import SQLite
storage = SQLite(sys.argv[1])
storage.append("s", [Created(0, {}, "sampler", 0.0)])
children = []
for number in range(1, 5):
    child = os.fork()
    if child == 0:
        for k in range(20):
            storage.append("s", [Created(number + 10 * k, {}, "sampler", 0.0)])
        storage.close()
        os._exit(0)
    children.append(child)
for k in range(20):
    storage.append("s", [Created(5 + 10 * k, {}, "sampler", 0.0)])
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
print(len(storage.read("s")[0]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_uses_a_connection_of_its_own(path):
    run = subprocess.run([sys.executable, "-c", FORK, path], capture_output=True, text=True, timeout=120)

    assert run.stdout.strip() == "101", run.stderr


def test_travels_to_another_process_as_its_path(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])

    copy = pickle.loads(pickle.dumps(storage))

    assert copy.read("s")[0] == [created(0)]
    copy.close()
    storage.close()


# Viewers


def test_a_viewer_makes_no_file_and_changes_none(path, tmp_path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    storage.close()
    before = [(file.name, file.stat().st_mtime_ns) for file in tmp_path.iterdir()]

    viewer = SQLite(path, readonly=True)
    assert viewer.read("s")[0] == [created(0)]
    assert viewer.names() == ["s"]

    assert [(file.name, file.stat().st_mtime_ns) for file in tmp_path.iterdir()] == before
    with pytest.raises(StorageError, match="reading only"):
        viewer.append("s", [created(1)])
    viewer.close()


def test_a_viewer_follows_a_writer_and_does_not_hold_it_up(path):
    storage = SQLite(path, patience=0.0)
    storage.append("s", [created(0)])
    viewer = SQLite(path, readonly=True)
    position = 0
    for number in range(1, 20):
        storage.append("s", [created(number)])
        events, position = viewer.read("s", position)
        assert events[-1] == created(number)
    storage.close()  # the last writer merges the log into the file
    storage = SQLite(path)
    storage.append("s", [created(20)])

    assert viewer.read("s", position)[0] == [created(20)]
    storage.close()


# Speed; benchmarks/ measures it, these only notice when something becomes ten times slower


def test_reading_again_looks_at_nothing_old(path):
    storage = SQLite(path)
    storage.append("s", [created(n) for n in range(20_000)])
    _, position = storage.read("s")
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        assert storage.read("s", position) == ([], position)
        times.append(time.perf_counter() - begun)

    assert min(times) < 0.001
    storage.close()


def test_memory_and_file_give_the_same(path):
    memory, file = Memory(), SQLite(path)
    for storage in (memory, file):
        storage.append("s", [created(0), Started(0, 0, {"pid": 1}, 2.0)])
        storage.append("t", [created(0)])
        storage.append("s", [Reported(0, 0, (1.0,), (2.0,), 3.0)])

    assert memory.read("s")[0] == file.read("s")[0]
    assert memory.names() == file.names()
    file.close()


def test_many_may_make_the_same_file_at_once(tmp_path):
    """The look at whose file it is sees one moment, also while another one makes the tables."""
    errors = []

    def make(path, start):
        start.wait()
        try:
            SQLite(path).close()
        except Exception as error:
            errors.append(error)

    for round_ in range(40):
        start = threading.Barrier(6)
        threads = [threading.Thread(target=make, args=(tmp_path / f"{round_}.db", start)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_process_that_ends_without_closing_leaves_one_file(tmp_path):
    script = """
import sys
from trimtab.records import Created
from trimtab.storage import SQLite
storage = SQLite("x.db")
storage.append("s", [Created(0, {}, "user", 0.0)])
sys.modules["held"] = storage  # held until the very end
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]
