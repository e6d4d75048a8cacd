"""The write-ahead log: it stays bounded, one process at a time moves it into the file, nobody commits meanwhile."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from trimtab.errors import StorageError
from trimtab.records import Created
from trimtab.storage import SQLite
from trimtab.storage import _wal as wal

LIMIT = 200_000


def created(number: int) -> Created:
    return Created(number, {"x": "y" * 2_000}, "sampler", 0.0)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.db")


@pytest.fixture(autouse=True)
def _small_logs(monkeypatch):
    monkeypatch.setattr(wal, "GROWN", LIMIT)


def test_one_writer_keeps_the_log_short(path):
    storage = SQLite(path)
    for number in range(400):
        storage.append("s", [created(number)])
        assert os.path.getsize(path + "-wal") < 2 * LIMIT
    assert storage._log.checkpoints > 3
    assert len(storage.read("s")[0]) == 400
    storage.close()
    assert os.listdir(os.path.dirname(path)) == ["x.db"]  # the last one to close cleans up


def test_a_reader_that_stays_holds_up_the_checkpoint_and_no_commit(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        for number in range(1, 100):
            storage.append("s", [created(number)])
        assert storage._log.checkpoints == 0
        assert os.path.getsize(path + "-wal") > 2 * LIMIT
        reader.execute("ROLLBACK")
    for number in range(100, 300):
        storage.append("s", [created(number)])
    assert os.path.getsize(path + "-wal") < 2 * LIMIT
    storage.close()


WRITER = """
import json, os, sys, time
from trimtab.records import Created
from trimtab.storage import SQLite, _wal
_wal.GROWN = int(sys.argv[2])
moved, spans = _wal.WriteAheadLog._checkpoint, []
def timed(self, db):
    begun = time.monotonic()
    try:
        return moved(self, db)
    finally:
        spans.append((begun, time.monotonic()))
_wal.WriteAheadLog._checkpoint = timed
storage, commits, largest = SQLite(sys.argv[1]), [], 0
act = SQLite._insert
def insert(self, db, *rest):
    begun = time.monotonic()
    try:
        return act(self, db, *rest)
    finally:
        commits.append((begun, time.monotonic()))
SQLite._insert = insert
for k in range(150):
    storage.append(sys.argv[3], [Created(k, {"x": "y" * 2000}, "sampler", 0.0)])
    largest = max(largest, os.path.getsize(sys.argv[1] + "-wal"))
print(json.dumps([spans, commits, largest]))
storage.close()
"""


def test_several_processes_keep_the_log_short_and_checkpoint_one_at_a_time(path):
    """Nobody writes and nobody else checkpoints while one of them moves the log."""
    SQLite(path).close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(LIMIT), f"study {k}"], stdout=subprocess.PIPE, text=True
        )
        for k in range(4)
    ]
    found = [json.loads(writer.communicate(timeout=120)[0]) for writer in writers]
    moves = [(*span, k) for k, (spans, _, _) in enumerate(found) for span in spans]
    work = [(*span, k) for k, (_, commits, _) in enumerate(found) for span in commits]

    assert len(moves) > 3
    assert len({k for _, _, k in moves}) > 1  # the work is shared
    assert all(largest < 2 * LIMIT for _, _, largest in found)
    for begun, ended, k in moves:
        assert not [1 for b, e, j in moves + work if j != k and b < ended and e > begun]
    storage = SQLite(path)
    assert [len(storage.read(f"study {k}")[0]) for k in range(4)] == [150] * 4
    storage.close()


def test_a_log_that_was_deleted_while_in_use_is_saved(path):
    storage = SQLite(path)
    for number in range(20):
        storage.append("s", [created(number)])
    os.unlink(path + "-wal")

    with pytest.raises(StorageError, match=r"x\.db-wal.*deleted while it was in use.*saved"):
        storage.append("s", [created(20)])
    storage.close()
    again = SQLite(path)
    assert [event.number for event in again.read("s")[0]] == list(range(20))
    again.append("s", [created(20)])
    again.close()


def test_a_log_that_was_replaced_while_in_use_is_noticed(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    with open(path + "-wal", "rb") as file:
        content = file.read()
    os.unlink(path + "-wal")
    with open(path + "-wal", "wb") as file:
        file.write(content + b" ")
    if os.stat(path + "-wal").st_ino == storage._log._inodes[1]:
        pytest.skip("this file system gave the new file the old number")
    with pytest.raises(StorageError, match=r"replaced while it was in use.*trimtab check"):
        storage.append("s", [created(1)])
    storage.close()


def test_where_no_file_can_be_locked_sqlite_checkpoints_by_itself(path, monkeypatch):
    def refuse(file):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("trimtab.storage._lock._lock", refuse)
    storage = SQLite(path)
    for number in range(400):
        storage.append("s", [created(number)])
    assert storage._connection().execute("PRAGMA wal_autocheckpoint").fetchone() == (1_000,)
    storage.close()


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are POSIX")
def test_a_new_file_is_for_its_owner_alone(path):
    storage = SQLite(path)
    storage.append("s", [created(0)])
    folder = os.path.dirname(path)
    rights = {name: stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in os.listdir(folder)}
    assert rights == dict.fromkeys(["x.db", "x.db-wal", "x.db-shm", "x.db-lock"], 0o600)
    storage.close()
    os.chmod(path, 0o664)  # shared on purpose: it stays so, and what is beside it follows
    storage = SQLite(path)
    storage.append("s", [created(1)])
    assert stat.S_IMODE(os.stat(path + "-wal").st_mode) == stat.S_IMODE(os.stat(path + "-lock").st_mode) == 0o664
    storage.close()


def test_a_file_beside_it_that_cannot_be_opened_is_named(path):
    SQLite(path).close()
    os.mkdir(path + "-lock")
    storage = SQLite(path)
    with pytest.raises(StorageError, match=r"x\.db-lock.*cannot be opened"):
        storage.append("s", [created(0)])
    storage.close()
