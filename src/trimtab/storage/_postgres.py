"""Studies in a PostgreSQL database, for processes on any number of machines.

One statement an `append`, so one round trip and one transaction; synchronous_commit is on: what was acknowledged survives
a crash of the server. No lock is held between calls. What an append whose answer was lost has done is decided by looking:
it is tried again, and if that meets the very same events (key, time and content), they were ours.

`turn` is an advisory lock of the session: it ends with the connection, so with the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trimtab.errors import Conflict, StorageError, require
from trimtab.records import Event
from trimtab.storage._postgres_address import Address
from trimtab.storage._postgres_schema import ADD, ADD_FIRST
from trimtab.storage._postgres_session import Session
from trimtab.storage._protocol import Beat
from trimtab.storage._rows import Row, about_of, about_text, events_of, row_of
from trimtab.storage._schema import name_from_text, text_from_name

if TYPE_CHECKING:
    import psycopg

__all__ = ["PostgreSQL"]

_TURN = 3_000  # milliseconds to wait for one's turn, at most: in one go, so that nobody loses the place in the queue

_READ = """SELECT kind, number, part, at, body, position FROM trimtab.events
    WHERE study = (SELECT id FROM trimtab.studies WHERE name = %s) AND position > %s ORDER BY position"""
_FOUND = """SELECT e.kind, e.number, e.part, e.at, e.body FROM trimtab.events e JOIN trimtab.studies s ON s.id = e.study
    JOIN unnest(%(kinds)s::text[], %(numbers)s::bigint[], %(parts)s::bigint[]) AS k (kind, number, part)
        ON e.kind = k.kind AND e.number = k.number AND e.part = k.part
    WHERE s.name = %(name)s"""
_BEAT = """INSERT INTO trimtab.workers AS w (worker, count, about, at) VALUES (%s, 1, %s, %s)
    ON CONFLICT (worker) DO UPDATE SET count = w.count + 1, about = EXCLUDED.about, at = EXCLUDED.at"""
_TAKE = "SELECT trimtab.take_turn(%s, %s)"
_PASS_ON = "SELECT pg_advisory_unlock(hashtextextended('trimtab.turn ' || %s, 0))"


class PostgreSQL:
    """A PostgreSQL database, version 12 or later.

    url: postgresql://user:password@host:port/database, as libpq reads it; the tables are made in a schema `trimtab` if they
        do not exist, unless `must_exist`. readonly: for viewers; makes and changes nothing.
    patience: seconds to wait for a server that cannot be reached, as while it starts again.
    """

    def __init__(self, url: str, *, readonly: bool = False, must_exist: bool = False, patience: float = 60.0) -> None:
        self._url = url
        self._readonly = readonly
        self._patience = patience
        self._session = Session(Address.of(url), readonly=readonly, patience=patience)
        self._turns: dict[str, threading.Lock] = {}
        self._session.run(lambda db: None, make=not must_exist)

    def append(self, study: str, events: Sequence[Event]) -> int:
        """See `Storage.append`."""
        rows = [row_of(event) for event in events]
        if not rows:
            return -1
        self._refuse_if_readonly()
        unique_violation: type[Exception] = require("psycopg.errors", "postgres").UniqueViolation
        told = {"name": text_from_name(study), "n": len(rows)} | dict(
            zip(("kinds", "numbers", "parts", "ats", "bodies"), map(list, zip(*rows, strict=True)), strict=True)
        )
        tries = 0

        def add(db: psycopg.Connection[Any]) -> int:
            nonlocal tries
            tries += 1
            try:
                row = db.execute(ADD, told).fetchone()
                if row is None:  # the study's first events
                    row = db.execute(ADD_FIRST, told).fetchone()
                return -1 if row is None else int(row[0])
            except unique_violation:
                pass
            found = set(db.execute(_FOUND, told).fetchall())
            if tries == 1 or not found.issuperset(rows):
                raise self._conflict(study, rows, found)
            return -1

        return self._session.run(add)

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]:
        """See `Storage.read`."""
        rows = self._ask(_READ, (text_from_name(study), since))
        return events_of([row[:5] for row in rows], f"The storage {self.describe()!r}"), rows[-1][5] if rows else since

    def names(self) -> list[str]:
        """See `Storage.names`."""
        return [name_from_text(name) for (name,) in self._ask("SELECT name FROM trimtab.studies ORDER BY id")]

    def beat(self, worker: str, about: Mapping[str, Any] | None) -> None:
        """See `Storage.beat`."""
        self._refuse_if_readonly()
        name = text_from_name(worker)
        if about is None:
            question = "DELETE FROM trimtab.workers WHERE worker = %s"
            self._session.run(lambda db: db.execute(question, (name,)), patience=1.0)  # its lease would run out, too
        else:
            told = (name, about_text(about), time.time())
            self._session.run(lambda db: db.execute(_BEAT, told))

    def beats(self) -> dict[str, Beat]:
        """See `Storage.beats`."""
        rows = self._ask("SELECT worker, count, about, at FROM trimtab.workers ORDER BY id")
        return {name_from_text(name): Beat(count, about_of(about), at) for name, count, about, at in rows}

    @contextmanager
    def turn(self, study: str) -> Iterator[None]:
        """See `Storage.turn`."""
        name = text_from_name(study)
        here = self._turns.setdefault(study, threading.Lock())  # the session's lock lets its own threads in
        alone = here.acquire(timeout=_TURN / 1000)
        try:
            db = self._wait_for_turn(name) if alone else None
            try:
                yield
            finally:
                if db is not None:
                    self._session.run_on(db, lambda db: db.execute(_PASS_ON, (name,)))
        finally:
            if alone:
                here.release()

    def describe(self) -> str:
        """The URL, user and password masked."""
        return self._session.address.shown

    def close(self) -> None:
        """See `Storage.close`."""
        self._session.close()

    def __del__(self) -> None:
        if hasattr(self, "_session"):
            self.close()

    def __repr__(self) -> str:
        return f"PostgreSQL({self.describe()!r})"

    def __reduce__(self) -> tuple[Callable[..., PostgreSQL], tuple[str, bool, float]]:
        return _unpickled, (self._url, self._readonly, self._patience)  # another process of ours connects itself

    def _ask(self, question: str, told: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self._session.run(lambda db: db.execute(question, told).fetchall())

    def _wait_for_turn(self, name: str) -> psycopg.Connection[Any] | None:
        """The connection that holds the lock; None where it was not free in time."""
        db, rows = self._session.run(lambda db: (db, db.execute(_TAKE, (name, _TURN)).fetchall()))
        return db if rows[0][0] else None

    def _refuse_if_readonly(self) -> None:
        if self._readonly:
            raise StorageError(
                f"The storage {self.describe()!r} was opened for reading only. Open it without readonly=True to add to it."
            )

    def _conflict(self, study: str, rows: Sequence[Row], found: set[tuple[Any, ...]]) -> Conflict:
        """Which of the rows is there already."""
        keys = {row[:3] for row in found}
        kind, number, part = next((row for row in rows if row[:3] in keys), rows[0])[:3]
        return Conflict(
            f"Study {study!r} in {self.describe()!r} already has the event {kind} {number} ({part}). Read again, then "
            "decide again."
        )


def _unpickled(url: str, readonly: bool, patience: float) -> PostgreSQL:
    return PostgreSQL(url, readonly=readonly, must_exist=True, patience=patience)
