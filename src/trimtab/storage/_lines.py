"""A study as a text file, JSON lines: the whole log, so that nothing is lost on the way to another storage or machine.

    {"trimtab": "study", "version": 1, "name": "digits", "events": 93}
    {"kind": "created", "number": 0, "part": 0, "at": 1700000000.25, "body": {...}}
    ...

The first line names the format. Each other line is an event of `records`, in the order of the log. Plain ASCII: any text survives.
A file may come from anybody: what is read is checked, with limits on sizes, and nothing of it is ever code.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import IO, Any, NoReturn

from trimtab.errors import Conflict, InputError, StorageError, TrimtabError
from trimtab.records import Event, Fold, Goals, LogCheck, Opened, event_body, event_from_row, event_key
from trimtab.space import Space
from trimtab.storage._open import open_storage
from trimtab.storage._protocol import Storage

__all__ = ["LARGEST_LINE", "LINES_VERSION", "import_study", "lines_of", "read_lines"]

LINES_VERSION = 1
LARGEST_LINE = 16_000_000  # bytes
_MOST_EVENTS = 20_000_000
_WRONG = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, TrimtabError)
_json = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def lines_of(name: str, events: Sequence[Event]) -> Iterator[str]:
    """The lines of a study's log, without line ends."""
    yield _json.encode({"trimtab": "study", "version": LINES_VERSION, "name": name, "events": len(events)})
    for event in events:
        kind, number, part = event_key(event)
        at = event.at if math.isfinite(event.at) else str(event.at)
        yield _json.encode({"kind": kind, "number": number, "part": part, "at": at, "body": event_body(event)})


def read_lines(file: IO[bytes], where: str) -> tuple[str, list[Event]]:
    """Name and log of the study that a file holds. InputError names the line (`where`:line) that is wrong, and why."""
    header = _parsed(file, where, 1)
    if not isinstance(header, dict) or header.get("trimtab") != "study" or not isinstance(header.get("name"), str):
        _refuse(
            where,
            1,
            'it should begin with {"trimtab": "study", "version": 1, ...}: only what `trimtab export` wrote can be read',
        )
    version, promised = header.get("version"), header.get("events")
    if version != LINES_VERSION:
        _refuse(where, 1, f"it has version {version!r:.20}, this trimtab reads version {LINES_VERSION}. Update trimtab")
    if not header["name"] or type(promised) is not int or not 1 <= promised <= _MOST_EVENTS:
        _refuse(
            where,
            1,
            f"it needs a name and 1 to {_MOST_EVENTS:,} events, got {header['name']!r:.40} and {promised!r:.40}",
        )
    events: list[Event] = []
    check = LogCheck()
    for number in range(2, promised + 2):
        document = _parsed(file, where, number, promised + 1)
        try:
            event = _event(document)
            check.take(event)
        except _WRONG as error:
            _refuse(where, number, _reason(error))
        events.append(event)
    try:
        check.settle()
    except ValueError as error:
        _refuse(where, promised + 1, _reason(error))
    if file.readline(1):
        _refuse(where, promised + 2, f"it holds more than the {promised} events that its first line tells")
    _check_meaning(events, where)
    return header["name"], events


def import_study(
    source: str | os.PathLike[str] | IO[bytes], storage: str | os.PathLike[str] | Storage, name: str | None = None
) -> str:
    """Add the study of a file of JSON lines to a storage, all of it or nothing, exactly as it was exported. Its name there.

    source: a path, or an open binary file. storage: as in `trimtab.minimize`; nothing is made before the file was checked.
    name: in the storage, if not the one in the file.
    InputError for a file that is wrong, with its line, and for a name that the storage has already; StorageError where the
    file or the storage cannot be used.
    """
    if name is not None and (not isinstance(name, str) or not name):
        raise InputError(f"A study's name must be a text that is not empty, got {name!r}.")
    if isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                found, events = read_lines(file, os.fspath(source))
        except FileNotFoundError:
            raise InputError(f"There is no file {os.fspath(source)!r}. `trimtab export` writes one.") from None
        except OSError as error:
            raise StorageError(f"The file {os.fspath(source)!r} cannot be read: {error.strerror or error}.") from None
    else:
        found, events = read_lines(source, str(getattr(source, "name", "the file")))
    target = open_storage(storage)
    name = found if name is None else name
    taken = f"{target.describe()} holds a study named {name!r} already. Give another name: --name, or name=."
    if name in target.names():
        raise InputError(taken)
    try:
        target.append(name, events)
    except Conflict:
        raise InputError(taken) from None
    return name


def _check_meaning(events: Sequence[Event], where: str) -> None:
    """InputError unless the newest settings make a space and goals that every event fits."""
    settings = next(e.settings for e in reversed(events) if isinstance(e, Opened))
    fold = Fold(Space.from_dict(settings["space"]), "minimize", Goals.from_settings(settings))
    line = 2
    try:
        for line, event in enumerate(events, 2):  # noqa: B007 - the line of the error
            fold.apply([event])
    except _WRONG as error:
        _refuse(where, line, _reason(error))


def _parsed(file: IO[bytes], where: str, number: int, last: int = 1) -> Any:
    line = file.readline(LARGEST_LINE + 1)
    if len(line) > LARGEST_LINE:
        _refuse(where, number, f"it has more than {LARGEST_LINE:,} bytes")
    if not line:
        _refuse(
            where, number, f"the file ends before this line, its last should be {last:,}: it was not copied to the end"
        )
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        _refuse(where, number, f"it is no JSON: {_reason(error)}")


def _event(document: object) -> Event:
    if not isinstance(document, dict) or set(document) != {"kind", "number", "part", "at", "body"}:
        raise ValueError("an event is an object with kind, number, part, at and body")
    at, body = document["at"], document["body"]
    if not isinstance(body, dict):
        raise ValueError(f"the body must be an object, got {body!r:.40}")
    at = float(at) if at in ("nan", "inf", "-inf") else at
    return event_from_row(document["kind"], document["number"], document["part"], at, body)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _refuse(where: str, line: int, why: str) -> NoReturn:
    raise InputError(f"{where}:{line}: {why}.") from None


def _reason(error: BaseException) -> str:
    """An error in a few words; without its kind where it was raised on purpose."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    text = str(error).rstrip(".")
    return text if isinstance(error, (TrimtabError, ValueError)) else f"{type(error).__name__}: {text}"
