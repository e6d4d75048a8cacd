"""Files of older versions: read as they are by a viewer, brought up to date by a writer, nothing lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import trimtab as tt
from trimtab.errors import StorageError
from trimtab.records import Created, Finished, Opened, Reported, Started
from trimtab.storage import SQLite

VERSION_1 = """
    CREATE TABLE studies (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        study INTEGER NOT NULL REFERENCES studies(id),
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        part INTEGER NOT NULL,
        at REAL NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (study, kind, number, part)
    );
    CREATE VIEW trials AS SELECT number FROM events WHERE kind = 'created';
    PRAGMA application_id = 1953655149;
    PRAGMA user_version = 1;
    INSERT INTO studies (name) VALUES ('old');
"""  # as the first trimtab wrote it
SPACE = {"lr": tt.Float(1e-4, 1e-1, log=True)}
ROWS = [
    ("opened", 0, 0, None),
    ("created", 0, 0, '{"params":{"lr":0.01},"origin":"sampler"}'),
    ("started", 0, 0, '{"host":"h","pid":1,"born":1}'),
    ("reported", 0, 0, '{"step":1.0,"value":0.5}'),
    ("reported", 0, 1, '{"step":2.0,"value":"nan"}'),
    ("finished", 0, 0, '{"state":"finished","value":0.25,"seconds":1.0,"error":null}'),
    ("created", 1, 0, '{"params":{"lr":0.02},"origin":"user"}'),
]


@pytest.fixture
def path(tmp_path):
    settings = {
        "space": tt.Space(SPACE).to_dict(),
        "direction": "minimize",
        "seed": 0,
        "sampler": "x",
        "trimtab": "0.1",
    }
    with closing(sqlite3.connect(tmp_path / "x.db")) as db:
        db.executescript(VERSION_1)
        for kind, number, part, body in ROWS:
            body = body or json.dumps(settings)
            db.execute(
                "INSERT INTO events (study, kind, number, part, at, body) VALUES (1, ?, ?, ?, 1.5, ?)",
                (kind, number, part, body),
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.commit()
    return tmp_path / "x.db"


def version(path):
    with closing(sqlite3.connect(path)) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return db.execute("PRAGMA user_version").fetchone()[0], "workers" in tables


def test_a_viewer_reads_version_1_and_leaves_it(path):
    viewer = SQLite(path, readonly=True)
    events, _ = viewer.read("old")
    assert [type(event) for event in events] == [Opened, Created, Started, Reported, Reported, Finished, Created]
    assert events[3] == Reported(0, 0, (1.0,), (0.5,), 1.5)
    assert viewer.beats() == {}
    viewer.close()
    assert version(path) == (1, False)


def test_a_writer_brings_version_1_up_to_date_and_goes_on(path):
    before = SQLite(path, readonly=True).read("old")
    study = tt.Study(SPACE, sampler="random", storage=path, name="old")
    assert version(path) == (2, True)
    assert study.table.n == 2
    assert study.trials[0].value == 0.25
    assert study.ask().number == 1  # the one that waited
    study.storage.beat("w", {})
    study.close()
    again = SQLite(path)
    after = again.read("old")[0]
    assert repr(after[: len(before[0])]) == repr(before[0])
    assert list(again.beats()) == ["w"]
    again.close()


OPEN = """
import sys
from trimtab.storage import SQLite
storage = SQLite(sys.argv[1])
storage.beat(sys.argv[2], {})
storage.close()
"""


def test_several_processes_may_bring_it_up_to_date_at_once(path):
    several = [subprocess.Popen([sys.executable, "-c", OPEN, path, str(k)], stderr=subprocess.PIPE) for k in range(3)]
    assert [process.communicate()[1] for process in several] == [b""] * 3
    storage = SQLite(path)
    assert sorted(storage.beats()) == ["0", "1", "2"]
    storage.close()


def test_a_migration_that_is_interrupted_leaves_the_old_version(path, monkeypatch):
    """The version is written with the tables, in one transaction."""

    def interrupted(db):
        db.execute("CREATE TABLE workers (id INTEGER PRIMARY KEY)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trimtab.storage._connect.migrate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            SQLite(path)
    assert version(path) == (1, False)
    SQLite(path).close()
    assert version(path) == (2, True)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_newer_version_is_refused(path, readonly):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 3")
    with pytest.raises(StorageError, match=r"version 3, this trimtab reads up to version 2.*upgrade"):
        SQLite(path, readonly=readonly)
    assert version(path) == (3, False)
