"""Whether a storage is whole, and a repaired file from what can be read of one that is not.

A SQLite file is looked at from below (its pages, its tables, each of its rows) and then, as every storage, from above: the log of
each study (records.faults).

`repair` never changes what it was given: the original goes to NAME.damaged-1 (-2, ...), with its write-ahead log, before the
repaired file takes its name; rows that no trimtab wrote, or that have no place in a log, go to NAME.rejected-1.jsonl.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from trimtab.errors import StorageError
from trimtab.records import Created, Event, LogCheck, event_body, event_key
from trimtab.records._check import check_event
from trimtab.records._faults import faults, mend
from trimtab.storage._connect import connect, is_ours, version_of
from trimtab.storage._files import check_readable, check_writable, locked
from trimtab.storage._lock import FileLock
from trimtab.storage._pages import Value, rows_of
from trimtab.storage._protocol import Storage
from trimtab.storage._rows import Row, event_of
from trimtab.storage._schema import VERSION, name_from_text
from trimtab.storage._sqlite import SQLite

__all__ = ["Checked", "Repaired", "check_file", "check_logs", "repair"]

_SHOWN = 5  # messages of SQLite that are repeated
_PATIENCE = 10.0  # seconds for those who use the file now

_Stored = tuple[int, int, str, int, int, float, str]  # id, study, and a Row


@dataclass
class Checked:
    """What was found. faults: what is wrong, in words. notes: what is worth knowing. studies: number of trials by name."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    studies: dict[str, int] = field(default_factory=dict)
    events: int = 0


@dataclass(frozen=True)
class Repaired:
    """backup: where the original is. rejected: the file of what was left out, None where that is nothing.

    remarks: what was done, in words. studies: number of trials by name.
    """

    backup: str
    rejected: str | None
    remarks: list[str]
    studies: dict[str, int]


def check_logs(storage: Storage) -> Checked:
    """Look at the log of every study of any storage."""
    found = Checked()
    for name in storage.names():
        try:
            _look_at(found, name, storage.read(name)[0])
        except StorageError as error:
            found.faults.append(f"study {name!r} cannot be read: {error}")
    return found


def check_file(path: str) -> Checked:
    """Look at a SQLite file, and change nothing. StorageError for one that is another program's, or newer."""
    check_readable(path)
    found = Checked()
    try:
        with closing(_open(path)) as db:
            if not is_ours(db, path):
                raise StorageError(f"The file {path!r} holds no study: it is empty. Check the path.")
            _check_tables(db, found)
            rows, names = _rows(db), dict(db.execute("SELECT id, name FROM studies"))
    except sqlite3.Error as error:
        found.faults.append(f"SQLite cannot read it: {error}")
        return found
    logs, rejected = _logs(rows, names)
    if rejected:
        found.faults.append(f"{len(rejected)} row(s) that no trimtab wrote: {_first(rejected)}")
    for name, events in logs.items():
        _look_at(found, name, events)
    return found


def _look_at(found: Checked, name: str, events: Sequence[Event]) -> None:
    wrong = faults(events)
    if not wrong:
        check = LogCheck()
        try:
            for event in events:
                check.take(event)
            check.settle()
        except ValueError as error:
            wrong = [str(error)]
    found.faults += [f"study {name!r}: {fault}" for fault in wrong]
    found.studies[name] = sum(isinstance(event, Created) for event in events)
    found.events += len(events)


def _open(path: str) -> sqlite3.Connection:
    """For reading only; a file without a log beside it without any lock."""
    return _any_text(connect(path, "ro" if os.path.exists(path + "-wal") else "ro&immutable=1"))


def _any_text(db: sqlite3.Connection) -> sqlite3.Connection:
    """Text that is no UTF-8 is read too: its row is refused with the reason."""
    db.text_factory = lambda data: data.decode(errors="surrogateescape")
    return db


def _check_tables(db: sqlite3.Connection, found: Checked) -> None:
    """What SQLite itself finds, and whether all of a trimtab file is there."""
    messages = [text for (text,) in db.execute(f"PRAGMA integrity_check({_SHOWN})")]
    if messages != ["ok"]:
        found.faults += [f"SQLite's integrity check: {text}" for text in messages]
    there = {(kind, name) for kind, name in db.execute("SELECT type, name FROM sqlite_master")}
    version = version_of(db)
    wanted = ["studies", "events"] if version < 2 else ["studies", "events", "workers"]
    found.faults += [f"its table {name!r} is missing" for name in wanted if ("table", name) not in there]
    if ("view", "trials") not in there:
        found.notes.append("the view 'trials' is missing; trimtab does not need it, other tools may")
    if version < VERSION:
        found.notes.append(f"it has version {version}; whoever writes to it next brings it to version {VERSION}")


def _rows(db: sqlite3.Connection) -> list[_Stored]:
    return db.execute("SELECT id, study, kind, number, part, at, body FROM events ORDER BY id").fetchall()


def _logs(rows: Sequence[_Stored], names: dict[int, str]) -> tuple[dict[str, list[Event]], list[tuple[_Stored, str]]]:
    """The events by study, and the rows that are none, each with the reason."""
    logs: dict[str, list[Event]] = {name_from_text(name): [] for name in names.values()}
    rejected: list[tuple[_Stored, str]] = []
    for row in rows:
        if row[1] not in names:
            rejected.append((row, "of a study that is not listed"))
            continue
        try:
            logs[name_from_text(names[row[1]])].append(_event(row[2:]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, StorageError) as error:
            rejected.append((row, f"{type(error).__name__}: {error}"))
    return logs, rejected


def _event(row: Row) -> Event:
    kind, number, part, at, body = row
    if not (
        isinstance(number, int) and isinstance(part, int) and isinstance(at, (int, float)) and isinstance(body, str)
    ):
        raise TypeError("a column of another type")
    event = event_of((kind, number, part, float(at), body))
    check_event(event)
    return event


def _first(rejected: Sequence[tuple[_Stored, str]]) -> str:
    row, why = rejected[0]
    return f"the first is row {row[0]} ({row[2]!r:.30} {row[3]!r:.30}): {why:.200}"


def repair(path: str) -> Repaired:
    """Write the best that can be made of a file in its place, after a copy of the original was made beside it.

    StorageError where it is in use, cannot be written, or holds nothing of trimtab.
    """
    check_readable(path)
    check_writable(os.path.abspath(path))
    lock = FileLock(os.path.realpath(path) + "-lock", like=path)
    try:
        if not lock.take(_PATIENCE):
            raise locked(path, "another trimtab process is writing")
        return _repair(path)
    finally:
        lock.close(remove=True)


def _repair(path: str) -> Repaired:
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(path)), prefix=".trimtab-repair-") as folder:
        original, copy, new = (os.path.join(folder, name) for name in ("original.db", "copy.db", "new.db"))
        _copy(path, original)
        _refuse_if_used(path)  # not before: to open it may change it
        _copy(original, copy)
        rows, names, remarks = _salvaged(copy)
        if not rows:
            raise StorageError(f"Nothing that trimtab wrote can be read from {path!r}. Go back to a copy of it.")
        logs, rejected = _logs(rows, names)
        left_out: list[dict[str, object]] = [
            {"row": [_plain(value) for value in row], "why": why} for row, why in rejected
        ]
        studies: dict[str, int] = {}
        with closing(SQLite(new)) as storage:
            for name, events in logs.items():
                mended = mend(events)
                remarks += [f"study {name!r}: {remark}" for remark in mended.remarks]
                left_out += [
                    {"study": name, "key": event_key(e), "at": e.at, "body": event_body(e)} for e in mended.left_out
                ]
                storage.append(name, mended.events)
                studies[name] = sum(isinstance(event, Created) for event in mended.events)
        if rejected:
            remarks.append(f"{len(rejected)} row(s) that no trimtab wrote were left out: {_first(rejected)}")
        backup = _free(path + ".damaged-{}")
        _copy(original, backup)
        aside = _free(path + ".rejected-{}.jsonl") if left_out else None
        if aside is not None:
            _write_private(aside, "".join(json.dumps(line, default=repr) + "\n" for line in left_out))
        _give_to_the_owner_of(path, new)
        for end in ("-wal", "-shm"):  # first: a log beside the new file would be taken for the new file's
            with suppress(FileNotFoundError):
                os.unlink(os.path.realpath(path) + end)
        os.replace(new, os.path.realpath(path))
    return Repaired(backup, aside, remarks, studies)


def _refuse_if_used(path: str) -> None:
    """StorageError if any other connection to the file is open. A file that is too damaged to tell is not in use."""
    with suppress(sqlite3.DatabaseError), closing(connect(path, "rw")) as db:
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
            db.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise locked(path, "it is in use; stop that before it is repaired") from error


def _copy(path: str, to: str) -> None:
    """The file and its log; onto the disk."""
    for end in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copy2(os.path.realpath(path) + end, to + end)
            with open(to + end, "rb+") as file:
                os.fsync(file.fileno())


def _give_to_the_owner_of(path: str, new: str) -> None:
    """The same owner and rights; root repairs the files of others."""
    shutil.copymode(path, new)
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(new, os.stat(path).st_uid, os.stat(path).st_gid)


def _salvaged(copy: str) -> tuple[list[_Stored], dict[int, str], list[str]]:
    """Rows, names of studies, and what had to be done to get them. copy: may be changed."""
    with suppress(sqlite3.Error), closing(_any_text(connect(copy, "rw"))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is in the log belongs into the pages
        if db.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",):
            return _rows(db), dict(db.execute("SELECT id, name FROM studies")), []
    rows: dict[int, _Stored] = {}
    names: dict[int, str] = {}
    for rowid, values in rows_of(copy):
        match values:
            case [None, int(study), str(kind), int(number), int(part), int() | float() as at, str(body)]:
                rows.setdefault(rowid, (rowid, study, kind, number, part, float(at), body))
            case [None, str(name)]:
                names.setdefault(rowid, name)
    lost = {study for _, study, *_ in rows.values()} - names.keys()
    remarks = ["pages of it are damaged: what stands on the others was read page by page"]
    for study in sorted(lost):
        names[study] = f"study {study}"
        remarks.append(f"the name of a study is lost: it is {names[study]!r} now")
    return [rows[rowid] for rowid in sorted(rows)], names, remarks


def _plain(value: Value) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _free(pattern: str) -> str:
    """The first path of this kind that does not exist."""
    number = 1
    while os.path.lexists(pattern.format(number)):
        number += 1
    return pattern.format(number)


def _write_private(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(file)
