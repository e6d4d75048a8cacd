"""Connections to a SQLite file: whose file it is, and what is done to it before it is used."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from trimtab.errors import StorageError
from trimtab.storage._schema import APPLICATION_ID, VERSION, create, has_old_view, migrate, renew_view
from trimtab.storage._wal import write_ahead

__all__ = ["connect", "establish", "is_ours", "needs_renewal", "renew", "version_of"]

_SLICE = 0.25  # seconds that SQLite itself waits for a lock; short, so that Ctrl-C is heard between two tries
_LARGEST = 64_000_000  # bytes of a row that are read; trimtab refuses to write a quarter of that (storage._rows)


def connect(path: str, mode: str) -> sqlite3.Connection:
    """A connection to the file. mode: as in https://www.sqlite.org/uri.html."""
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=_SLICE, isolation_level=None, check_same_thread=False)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def is_ours(db: sqlite3.Connection, path: str) -> bool:
    """Whether the file is a trimtab file; False if it is empty. StorageError if it is another's, or newer."""
    owner, version, tables = _marks(db)
    if owner == 0 and version == 0 and tables == 0:
        return False
    if owner != APPLICATION_ID:
        raise StorageError(
            f"The SQLite file {path!r} belongs to another program (application id {owner}, {tables} tables), "
            "trimtab leaves it alone. "
            "Choose another path."
        )
    if version > VERSION:
        raise StorageError(
            f"The storage {path!r} has version {version}, this trimtab reads up to version {VERSION}. "
            "It was written by a newer trimtab: python -m pip install --upgrade trimtab"
        )
    return True


def version_of(db: sqlite3.Connection) -> int:
    """The version of its tables; 0 while there are none."""
    return _marks(db)[1]


def establish(db: sqlite3.Connection, path: str) -> None:
    """Make the tables, or bring those of an older version up to date, unless another process was faster."""
    write_ahead(db, path)
    db.execute("BEGIN IMMEDIATE")
    try:
        if not is_ours(db, path):
            create(db)
        elif version_of(db) < VERSION:
            migrate(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def renew(db: sqlite3.Connection) -> None:
    """Bring an older view up to date. It is for people only: where that cannot be done now, it can wait."""
    try:
        with contextlib.suppress(sqlite3.Error):
            db.execute("BEGIN IMMEDIATE")
            renew_view(db)
            db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def needs_renewal(db: sqlite3.Connection) -> bool:
    """Whether its view is of an older trimtab."""
    with contextlib.suppress(sqlite3.Error):
        return has_old_view(db)
    return False


def _marks(db: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, schema version and number of tables, all of one moment: another process may be making them."""
    alone = not db.in_transaction
    if alone:
        db.execute("BEGIN")
    try:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot begins here
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        return owner, version, tables
    finally:
        if alone and db.in_transaction:
            db.execute("ROLLBACK")
