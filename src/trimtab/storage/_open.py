"""From what the user writes to a storage."""

from __future__ import annotations

import os
import re

from trimtab.errors import InputError
from trimtab.storage._memory import Memory
from trimtab.storage._postgres import PostgreSQL
from trimtab.storage._postgres_address import is_postgres
from trimtab.storage._protocol import Storage
from trimtab.storage._sqlite import SQLite

__all__ = ["open_storage"]


def open_storage(
    target: str | os.PathLike[str] | Storage | None, *, must_exist: bool = False, readonly: bool = False
) -> Storage:
    """None: a new storage in memory. A path or "sqlite:///path": the SQLite file there. A storage: itself.

    "postgresql://user:password@host:port/database": the PostgreSQL database there.
    must_exist: do not make the file, or the tables. readonly: for viewers, as `SQLite(path, readonly=True)`.
    InputError for anything else, StorageError where the file or the database cannot be used.
    """
    if target is None:
        return Memory()
    if isinstance(target, Storage):
        return target
    path = os.fspath(target) if isinstance(target, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path or "\0" in path:
        shown = "a URL with a NUL" if is_postgres(str(target)) else repr(target)
        raise InputError(
            "storage must be a path such as 'study.db', a URL such as 'postgresql://user:password@host/database', a Storage "
            f"or None (memory), got {shown}."
        )
    if is_postgres(path):
        return PostgreSQL(path, must_exist=must_exist, readonly=readonly, patience=10.0 if readonly else 60.0)
    if path == ":memory:":
        return Memory()
    if path.startswith("sqlite:///"):
        path = path.removeprefix("sqlite:///")
        if not path or path == ":memory:":
            raise InputError(f"storage={target!r} names no file. Write 'sqlite:///study.db', or None for memory.")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", path)  # two letters at least: "C://" is a drive
    if scheme is not None:
        raise InputError(  # the URL itself may hold a password: only its scheme is shown
            f"storage={scheme[1] + '://...'!r} is not supported by this version of trimtab. Use the path of a SQLite "
            "file, such as 'study.db', or postgresql://user:password@host/database."
        )
    return SQLite(path, must_exist=must_exist, readonly=readonly)
