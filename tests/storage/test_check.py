"""`check_file` and `repair`: what is wrong is named, what can be read is kept, the original stays as it was."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import sys
from contextlib import closing

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import StorageError
from trimtab.records import Created, Finished, Opened, Started
from trimtab.storage import Memory, SQLite
from trimtab.storage._check import check_file, check_logs, repair
from trimtab.storage._pages import rows_of

SPACE = tt.Space({"a": tt.Float(0.0, 1.0)})
N = 300


def fill(storage, name, n=N, text="x"):
    storage.append(
        name,
        [
            Opened(
                0, {"space": SPACE.to_dict(), "direction": "minimize", "seed": 0, "sampler": "x", "trimtab": "0"}, 0.0
            )
        ],
    )
    for k in range(n):
        storage.append(name, [Created(k, {"a": k / n}, "sampler", 0.0), Started(k, 0, {"host": "h", "pid": 1}, 0.0)])
        storage.append(name, [Finished(k, "finished", float(k), 1.0, text, 0.0)])


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "x.db")
    with closing(SQLite(path)) as storage:
        fill(storage, "one")
        fill(storage, "t\udc80wo\n", 5)
    return path


def sql(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def leaf(path):
    """A page in the middle of the file that holds rows of events."""
    with open(path, "rb") as file:
        data = file.read()
    pages = [k for k in range(1, len(data) // 4096) if data[4096 * k] == 0x0D and b"sampler" in data[4096 * k :][:4096]]
    return pages[len(pages) // 2] + 1


def overwrite(path, page, content=b"\xff" * 4096):
    with open(path, "r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(content)


def test_a_whole_file_is_found_whole_and_left_alone(path, tmp_path):
    before = contents(tmp_path)
    found = check_file(path)
    assert (found.faults, found.notes) == ([], [])
    assert found.studies == {"one": N, "t\udc80wo\n": 5}
    assert found.events == 3 * (N + 5) + 2
    assert contents(tmp_path) == before


def test_a_file_in_use_is_checked_too(path):
    with closing(SQLite(path)) as storage:
        storage.append("one", [Created(N, {"a": 0.5}, "sampler", 0.0)])
        assert check_file(path).studies["one"] == N + 1
        with pytest.raises(StorageError, match=r"x\.db.*in use"):
            repair(path)
        storage.append("one", [Created(N + 1, {"a": 0.5}, "sampler", 0.0)])


def test_any_storage_has_its_logs_checked():
    memory = Memory()
    fill(memory, "good", 3)
    memory.append("bad", [Created(1, {"a": 0.5}, "sampler", 0.0)])
    found = check_logs(memory)
    assert found.studies == {"good": 3, "bad": 1}
    assert [fault.partition(": ")[0] for fault in found.faults] == ["study 'bad'"] * 2


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET body = '{' WHERE id = 100", r"1 row\(s\) that no trimtab wrote: the first is row 100"),
        ("UPDATE events SET body = CAST(X'80' AS TEXT) WHERE id = 100", r"no trimtab wrote: the first is row 100"),
        ("UPDATE events SET kind = 'forked' WHERE id = 100", r"'forked'"),
        ("UPDATE events SET number = 'x' WHERE id = 100", r"column of another type"),
        ("UPDATE events SET study = 77 WHERE id = 100", r"of a study that is not listed"),
        ("DELETE FROM events WHERE kind = 'created' AND number = 7", r"'one': created with another number.*: 8"),
        ("DELETE FROM events WHERE kind = 'opened'", r"'one': its log does not begin with its settings"),
        ("DROP TABLE workers", r"table 'workers' is missing"),
        ("DROP TABLE events", r"no such table: events"),
    ],
)
def test_names_what_is_wrong(path, statement, said):
    sql(path, statement)
    found = check_file(path)
    assert re.search(said, " | ".join(found.faults)), found.faults


def test_a_missing_view_and_an_older_version_are_worth_a_note(path):
    sql(path, "DROP VIEW trials", "DROP TABLE workers", "PRAGMA user_version = 1")
    found = check_file(path)
    assert found.faults == []
    assert len(found.notes) == 2


def test_a_repair_leaves_out_what_no_trimtab_wrote_and_keeps_the_rest(path, tmp_path):
    sql(path, "UPDATE events SET body = '{' WHERE study = 1 AND kind = 'created' AND number = 100")
    before = (tmp_path / "x.db").read_bytes()
    done = repair(path)

    assert (tmp_path / "x.db.damaged-1").read_bytes() == before
    assert check_file(path).faults == []
    assert done.studies == {"one": N - 1, "t\udc80wo\n": 5}
    assert any("1 trial(s) are lost: 100; trial 101 is now 100" in remark for remark in done.remarks)
    left_out = [json.loads(line) for line in (tmp_path / "x.db.rejected-1.jsonl").read_text().splitlines()]
    assert [line.get("key") or line["row"][2:5] for line in left_out] == [
        ["created", 100, 0],
        ["started", 100, 0],
        ["finished", 100, 0],
    ]
    study = tt.Study.load(path, "one")
    assert study.table.n == N - 1
    assert study.table.value[100] == 101.0
    study.close()
    assert sorted(os.listdir(tmp_path)) == ["x.db", "x.db.damaged-1", "x.db.rejected-1.jsonl"]


@pytest.mark.parametrize("end", ["rows", "tree", "header", "cut", "schema"])
def test_rows_are_saved_from_a_damaged_file(path, tmp_path, end):
    """Page by page: what stands on the pages that are whole comes back, in order, with the results that belong to it."""
    size = os.path.getsize(path)
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
    if end == "rows":
        overwrite(path, leaf(path))
    elif end == "tree":
        overwrite(path, root)
    elif end == "header":
        overwrite(path, 1, b"\0" * 100)
    elif end == "schema":
        overwrite(path, 1, b"\xff" * 4096)
    else:
        os.truncate(path, size // 2 // 4096 * 4096 + 1000)
    before = (tmp_path / "x.db").read_bytes()
    assert check_file(path).faults != []
    done = repair(path)

    assert (tmp_path / done.backup).read_bytes() == before
    assert check_file(path).faults == []
    table = tt.Study.load(path, "one").table
    least = {"cut": 0.25 * N, "rows": 0.9 * N}.get(end, N)  # only rows that stood on a destroyed page are lost
    assert table.n >= least
    ended = table.state == 2
    assert ended.sum() >= 0.9 * least
    np.testing.assert_allclose(table.x[ended, 0], table.value[ended] / N)


def test_rows_that_go_on_over_other_pages_are_saved(tmp_path):
    path = str(tmp_path / "x.db")
    with closing(SQLite(path)) as storage:
        fill(storage, "long", 20, "long text " * 3_000)
    overwrite(path, 1, b"\0" * 100)
    repair(path)
    with closing(SQLite(path)) as storage:
        texts = {event.error for event in storage.read("long")[0] if isinstance(event, Finished)}
    assert texts == {"long text " * 3_000}


def test_the_log_beside_a_damaged_file_is_saved_with_it(path, tmp_path):
    """As a process that was killed leaves them."""
    storage = SQLite(path)
    storage.append("one", [Created(N, {"a": 0.5}, "user", 0.0)])
    for end in ("", "-wal"):
        (tmp_path / f"y.db{end}").write_bytes((tmp_path / f"x.db{end}").read_bytes())
    storage.close()
    overwrite(tmp_path / "y.db", leaf(path))
    before = contents(tmp_path)
    done = repair(str(tmp_path / "y.db"))
    assert contents(tmp_path)["y.db.damaged-1"] == before["y.db"]
    assert contents(tmp_path)["y.db.damaged-1-wal"] == before["y.db-wal"]
    with closing(SQLite(tmp_path / "y.db")) as again:
        assert [e for e in again.read("one")[0] if isinstance(e, Created)][-1].origin == "user"
    assert done.studies["one"] >= 0.9 * N


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are POSIX")
def test_a_repaired_file_has_the_rights_of_the_original(path, tmp_path):
    os.chmod(path, 0o640)
    overwrite(path, leaf(path))
    assert [repair(path).backup for _ in range(2)] == [path + ".damaged-1", path + ".damaged-2"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


def test_what_is_no_file_of_ours_is_left_alone(tmp_path):
    noise = tmp_path / "noise.db"
    noise.write_bytes(np.random.default_rng(0).bytes(50_000))
    foreign = tmp_path / "foreign.db"
    sql(foreign, "CREATE TABLE photos (id)")
    before = contents(tmp_path)
    assert "SQLite cannot read it" in check_file(str(noise)).faults[0]
    with pytest.raises(StorageError, match="Nothing that trimtab wrote"):
        repair(str(noise))
    with pytest.raises(StorageError, match="another program"):
        check_file(str(foreign))
    with pytest.raises(StorageError, match="no file"):
        check_file(str(tmp_path / "none.db"))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_makes_the_reader_of_pages_fail(path, tmp_path, seed):
    """Bytes that were changed at random: it passes over what makes no sense, and never raises."""
    rng = np.random.default_rng(seed)
    data = bytearray((tmp_path / "x.db").read_bytes())
    for at in rng.integers(0, len(data), 400):
        data[at] = rng.integers(0, 256)
    (tmp_path / "y.db").write_bytes(data[: rng.integers(1, len(data))])
    assert all(isinstance(values, list) for _, values in rows_of(str(tmp_path / "y.db")))
