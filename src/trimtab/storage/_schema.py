"""The tables of a trimtab file, and the view that any SQL tool reads.

    studies   name of each study (backslash, NUL and lone surrogates written as \\uXXXX)
    events    the log: `id` is the position; (study, kind, number, part) is the key of an event
    trials    a view: one row a trial; params, outcomes (numbers by name: further objectives, what limits bound) and
              gradient (derivatives that the trial reported) are JSON; times are UTC

    workers   signs of life (storage.Beat): no part of the truth

A newer file is refused, an older one is brought up to date by `migrate` when it is opened for writing.
    version 1    studies, events, trials
    version 2    workers; "reported" events hold several points each (one of version 1 is read as it is)
The view is no part of the version: trimtab does not read it, so a file with an older view opens in every trimtab, and
`renew_view` brings it up to date.
"""

from __future__ import annotations

import re
import sqlite3

__all__ = [
    "APPLICATION_ID",
    "VERSION",
    "create",
    "has_old_view",
    "migrate",
    "name_from_text",
    "renew_view",
    "text_from_name",
]

APPLICATION_ID = 0x7472696D  # "trim"
VERSION = 2

_TABLES = (
    "CREATE TABLE studies (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        study INTEGER NOT NULL REFERENCES studies(id),
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        part INTEGER NOT NULL,
        at REAL NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (study, kind, number, part)
    )""",
)
_WORKERS = """CREATE TABLE workers (
        id INTEGER PRIMARY KEY,
        worker TEXT NOT NULL UNIQUE,
        count INTEGER NOT NULL,
        about TEXT NOT NULL,
        at REAL NOT NULL
    )"""


def create(db: sqlite3.Connection) -> None:
    """Make the tables and mark the file as ours. Call inside a transaction."""
    for statement in (*_TABLES, _WORKERS):
        db.execute(statement)
    db.execute(_view(_has_json(db)))
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables of an older version up to date. Call inside a transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version < 2:
        db.execute(_WORKERS)
    db.execute(f"PRAGMA user_version = {VERSION}")


def has_old_view(db: sqlite3.Connection) -> bool:
    """Whether the view is there, and is of a trimtab that did not show all that is known of a trial."""
    row = db.execute("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = 'trials'").fetchone()
    return row is not None and " AS gradient" not in row[0]


def renew_view(db: sqlite3.Connection) -> None:
    """Replace an old view by the present one. Call inside a transaction."""
    if has_old_view(db):  # still: another process may have been faster
        db.execute("DROP VIEW trials")
        db.execute(_view(_has_json(db)))


def _has_json(db: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with its JSON functions."""
    try:
        db.execute("SELECT json_extract('[1]', '$[0]')")
    except sqlite3.OperationalError:
        return False
    return True


def _view(has_json: bool) -> str:
    """The view `trials`. Without JSON functions, the columns taken from a body show the whole body."""

    def field(body: str, name: str) -> str:
        return f"json_extract({body}, '$.{name}')" if has_json else body

    def count(kind: str) -> str:
        return f"(SELECT count(*) FROM events e WHERE e.study = c.study AND e.kind = '{kind}' AND e.number = c.number)"

    def time(at: str) -> str:
        return f"strftime('%Y-%m-%d %H:%M:%f', {at}, 'unixepoch')"

    last_start = (
        "(SELECT max(e.at) FROM events e WHERE e.study = c.study AND e.kind = 'started' AND e.number = c.number)"
    )
    return f"""CREATE VIEW trials AS SELECT
        s.name AS study,
        c.number AS number,
        CASE
            WHEN f.id IS NOT NULL THEN {field("f.body", "state")}
            WHEN {count("started")} > {count("released")} THEN 'running'
            ELSE 'created'
        END AS state,
        {field("f.body", "value")} AS value,
        {field("f.body", "outcomes")} AS outcomes,
        {field("f.body", "gradient")} AS gradient,
        {field("f.body", "seconds")} AS seconds,
        {field("c.body", "params")} AS params,
        {field("f.body", "error")} AS error,
        {time("c.at")} AS created,
        {time(last_start)} AS started,
        {time("f.at")} AS finished
    FROM events c
    JOIN studies s ON s.id = c.study
    LEFT JOIN events f ON f.study = c.study AND f.kind = 'finished' AND f.number = c.number AND f.part = 0
    WHERE c.kind = 'created'"""


def text_from_name(name: str) -> str:
    """A study's name as text that SQLite and every tool can hold; most names stay as they are."""
    return re.sub(r"[\\\0\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", name)


def name_from_text(text: str) -> str:
    """The inverse of `text_from_name`."""
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)
