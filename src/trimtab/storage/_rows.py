"""Events as rows (kind, number, part, at, body).

The body is JSON in plain ASCII: any text survives, lone surrogates and NUL included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.errors import InputError, StorageError
from trimtab.records import Event, event_body, event_from_row, event_key

__all__ = ["Row", "about_text", "events_of", "row_of"]

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


def events_of(rows: Sequence[Row], where: str) -> list[Event]:
    """The events of rows. StorageError, naming the place `where`, for content that no trimtab wrote."""
    events: list[Event] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        try:
            bodies = json.loads("[" + ",".join([row[4] for row in chunk]) + "]")
            events += [
                event_from_row(kind, number, part, at, body)
                for (kind, number, part, at, _), body in zip(chunk, bodies, strict=True)
            ]
        except StorageError:
            raise
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StorageError(
                f"{where} holds an event that no trimtab wrote, between events {start} and {start + len(chunk)} "
                f"({type(error).__name__}: {error}). The file was damaged or edited: go back to a copy of it."
            ) from error
    return events
