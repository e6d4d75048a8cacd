"""Events as rows (kind, number, part, at, body).

The body is JSON in plain ASCII: any text survives, lone surrogates and NUL included.
"""

from __future__ import annotations

import contextlib
import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trimtab.errors import InputError, StorageError
from trimtab.records import Event, event_body, event_from_row, event_key

__all__ = ["Row", "about_of", "about_text", "event_of", "events_of", "no_collection", "row_of"]

Row = tuple[str, int, int, float, str]

_CHUNK = (
    4096  # bodies parsed by one call of the JSON parser: 3 times as fast as one call each; more bodies only cost memory
)
_LARGEST = (
    16_000_000  # bytes of one body: far above any space or traceback, far below what a database or a reader chokes on
)
_json = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def row_of(event: Event) -> Row:
    """The row of an event. InputError where its content is no plain JSON (NaN and infinities are none), or too large."""
    try:
        body = _json.encode(event_body(event))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"The event {event!r:.300} cannot be stored as JSON: {error}. "
            "Expected text, finite numbers, booleans, None, lists and dicts of them."
        ) from error
    kind, number, part = event_key(event)
    if len(body) > _LARGEST:
        raise InputError(
            f"The event {kind} {number} is {len(body):,} bytes of JSON, and a storage takes {_LARGEST:,}. Store large things "
            "in files of your own, and their names as parameters or outcomes."
        )
    return kind, int(number), int(part), float(event.at), body


def about_text(about: Mapping[str, Any]) -> str:
    """What a worker says of itself, as JSON. InputError where it is none."""
    try:
        return _json.encode(dict(about))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"What a worker says of itself must be plain JSON, got {about!r:.300}: {error}.") from error


def about_of(text: str) -> dict[str, Any]:
    """What a worker said of itself; {} for what no trimtab wrote: for people only, it must not keep anybody from a look."""
    try:
        about = _reader.decode(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def events_of(rows: Sequence[Row], where: str) -> list[Event]:
    """The events of rows. StorageError, naming the place `where`, for content that no trimtab wrote."""
    events: list[Event] = []
    owners: dict[str, Any] = {}
    with no_collection():
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            try:
                events += _parsed(chunk, owners)
            except StorageError:
                raise
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
                raise StorageError(
                    f"{where} holds an event that no trimtab wrote, between events {start} and {start + len(chunk)} "
                    f"({type(error).__name__}: {error}). It was damaged or edited: see what `trimtab check` says of it, or go "
                    "back to a copy."
                ) from error
    return events


def event_of(row: Row) -> Event:
    """The event of one row. ValueError, TypeError, KeyError, ... or StorageError for content that no trimtab wrote."""
    return _parsed([row], {})[0]


def _parsed(rows: Sequence[Row], owners: dict[str, Any]) -> list[Event]:
    """owners: what was parsed before of the few processes that begin all trials."""
    texts = ["0" if row[0] == "started" else row[4] for row in rows]
    bodies = _reader.decode("[" + ",".join(texts) + "]")
    events: list[Event] = []
    for (kind, number, part, at, text), body in zip(rows, bodies, strict=True):
        if kind == "started":
            if text not in owners:
                owners[text] = _reader.decode(text)
            body = owners[text]
        events.append(event_from_row(kind, number, part, at, body))
    return events


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """While many objects are made that all stay, looking for garbage among them would take a third of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _no_json(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_reader = json.JSONDecoder(parse_constant=_no_json)
