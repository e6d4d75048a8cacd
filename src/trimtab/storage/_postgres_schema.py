"""The tables in a PostgreSQL database, all in a schema `trimtab` of their own, and the view that any SQL tool reads.

    trimtab.version   one row: the version of these tables
    trimtab.studies   name of each study (as in SQLite); last: position of its newest event
    trimtab.events    the log: (study, position) without gaps; (study, kind, number, part) is the key of an event
    trimtab.workers   signs of life
    trimtab.trials    a view: one row a trial, with the columns of SQLite's

An `append` first takes the row of its study (UPDATE ... SET last = last + k), which others wait for until it has
committed: so events become visible in the order of their positions, and whoever has read up to one misses none. A plain
sequence would not do: a smaller number may commit later than a greater one.

Version 1 is the first. `STEPS[v]` leads from version v to v + 1; a newer database is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trimtab.errors import StorageError

if TYPE_CHECKING:
    import psycopg

__all__ = ["ADD", "ADD_FIRST", "STEPS", "prepare"]

_TABLES = """
CREATE TABLE trimtab.version (version integer NOT NULL);
INSERT INTO trimtab.version VALUES (0);

CREATE TABLE trimtab.studies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    last bigint NOT NULL
) WITH (fillfactor = 50);  -- every append updates a row: room for its next version on the same page

CREATE TABLE trimtab.events (
    study bigint NOT NULL REFERENCES trimtab.studies (id),
    position bigint NOT NULL,
    kind text NOT NULL,
    number bigint NOT NULL,
    part bigint NOT NULL,
    at double precision NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (study, position),
    CONSTRAINT events_key UNIQUE (study, kind, number, part)
);

CREATE TABLE trimtab.workers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker text NOT NULL UNIQUE,
    count bigint NOT NULL,
    about text NOT NULL,
    at double precision NOT NULL
) WITH (fillfactor = 50);
"""

# NUL and lone surrogates are fine in JSON and have no place in PostgreSQL's text: shown as the sign for what cannot be shown.
# Two backslashes are one that is no escape: they are set aside meanwhile, as a control character, which JSON never holds.
# All names are qualified, since a search_path of the function's own (SET) would make each call three times as slow.
_FUNCTIONS = r"""
CREATE FUNCTION trimtab.field(body text, name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN pg_catalog.json_object_field_text(body::pg_catalog.json, name);
EXCEPTION WHEN OTHERS THEN
    BEGIN
        body := pg_catalog.replace(body, '\\', pg_catalog.chr(1));
        body := pg_catalog.regexp_replace(
            body, '\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|\\u0000', '\\ufffd', 'gi');
        body := pg_catalog.regexp_replace(body, '(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}', '\\ufffd', 'gi');
        body := pg_catalog.replace(body, pg_catalog.chr(1), '\\');
        RETURN pg_catalog.json_object_field_text(body::pg_catalog.json, name);
    EXCEPTION WHEN OTHERS THEN
        RETURN NULL;
    END;
END $$;

CREATE FUNCTION trimtab.number(body text, name text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN trimtab.field(body, name)::double precision;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

CREATE FUNCTION trimtab.moment(at double precision) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN pg_catalog.to_timestamp(at);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

CREATE FUNCTION trimtab.take_turn(study text, milliseconds integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.set_config('lock_timeout', milliseconds::text, true);
    PERFORM pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('trimtab.turn ' || study, 0));
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END $$;
"""

_VIEW = """
CREATE VIEW trimtab.trials AS SELECT
    s.name AS study,
    c.number,
    CASE
        WHEN f.study IS NOT NULL THEN trimtab.field(f.body, 'state')
        WHEN runs.started > runs.released THEN 'running'
        ELSE 'created'
    END AS state,
    trimtab.number(f.body, 'value') AS value,
    trimtab.field(f.body, 'outcomes') AS outcomes,
    trimtab.field(f.body, 'gradient') AS gradient,
    trimtab.number(f.body, 'seconds') AS seconds,
    trimtab.field(c.body, 'params') AS params,
    trimtab.field(f.body, 'error') AS error,
    trimtab.moment(c.at) AS created,
    trimtab.moment(runs.at) AS started,
    trimtab.moment(f.at) AS finished
FROM trimtab.events c
JOIN trimtab.studies s ON s.id = c.study
LEFT JOIN trimtab.events f ON f.study = c.study AND f.kind = 'finished' AND f.number = c.number AND f.part = 0
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.kind = 'started') AS started,
        count(*) FILTER (WHERE e.kind = 'released') AS released,
        max(e.at) FILTER (WHERE e.kind = 'started') AS at
    FROM trimtab.events e
    WHERE e.study = c.study AND e.kind IN ('started', 'released') AND e.number = c.number
) runs
WHERE c.kind = 'created';
"""

STEPS = [_TABLES + _FUNCTIONS + _VIEW]

_IS_THERE = """SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'trimtab' AND c.relname = 'version')"""  # to_regclass would answer from a cache of before the lock

_ADDED = """added AS (
    INSERT INTO trimtab.events (study, position, kind, number, part, at, body)
    SELECT study.id, study.last - %(n)s + e.position, e.kind, e.number, e.part, e.at, e.body
    FROM study, unnest(%(kinds)s::text[], %(numbers)s::bigint[], %(parts)s::bigint[], %(ats)s::float8[], %(bodies)s::text[])
        WITH ORDINALITY AS e (kind, number, part, at, body, position)
)
SELECT last FROM study"""

ADD = f"""WITH study AS (
    UPDATE trimtab.studies SET last = last + %(n)s WHERE name = %(name)s RETURNING id, last
), {_ADDED}"""

ADD_FIRST = f"""WITH study AS (
    INSERT INTO trimtab.studies AS s (name, last) VALUES (%(name)s, %(n)s)
    ON CONFLICT (name) DO UPDATE SET last = s.last + %(n)s RETURNING id, last
), {_ADDED}"""


def prepare(db: psycopg.Connection[Any], shown: str, *, make: bool, change: bool) -> None:
    """Make the tables, or bring them up to date, where that is needed and allowed. StorageError where it is not.

    make: they may be made. change: older ones may be brought up to date.
    """
    version = _version(db, shown)
    if version is None and not make:
        raise StorageError(
            f"The database {shown!r} holds no study. Check the URL; a new study makes its tables when it starts."
        )
    if version == len(STEPS):
        return
    if version is not None and not change:
        raise StorageError(
            f"The database {shown!r} has version {version}, this trimtab reads version {len(STEPS)}. Open it once for "
            "writing, as by running the study: that brings it up to date."
        )
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(hashtextextended('trimtab.schema', 0))")  # one process at a time
        version = _version(db, shown)
        if version is None:
            _make_room(db, shown)
        for step in STEPS[version or 0 :]:
            db.execute(step)
        db.execute("UPDATE trimtab.version SET version = %s", (len(STEPS),))


def _version(db: psycopg.Connection[Any], shown: str) -> int | None:
    """The version of the tables; None if there are none. StorageError if they are newer than this trimtab."""
    if not _ask(db, _IS_THERE):
        return None
    version = int(_ask(db, "SELECT version FROM trimtab.version"))
    if version > len(STEPS):
        raise StorageError(
            f"The database {shown!r} has version {version}, this trimtab reads up to version {len(STEPS)}. "
            "It was written by a newer trimtab: python -m pip install --upgrade trimtab"
        )
    return version


def _make_room(db: psycopg.Connection[Any], shown: str) -> None:
    """The schema `trimtab`, empty. Where it was made before, by someone who may, nothing is needed."""
    encoding = _ask(db, "SHOW server_encoding")
    if encoding != "UTF8":
        raise StorageError(
            f"The database {shown!r} keeps text as {encoding}, where not every name fits. Expected UTF8: "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0."
        )
    if not _ask(db, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'trimtab')"):
        db.execute("CREATE SCHEMA trimtab")
    elif _ask(db, "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'trimtab'::regnamespace)"):
        raise StorageError(
            f"The database {shown!r} has a schema 'trimtab' that belongs to another program, trimtab leaves it alone. "
            "Choose another database."
        )


def _ask(db: psycopg.Connection[Any], question: str) -> Any:
    row = db.execute(question).fetchone()
    return None if row is None else row[0]
