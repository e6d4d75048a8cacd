"""What can happen to a study, as facts that are appended and never changed.

    Opened     the study's space, direction and seed; again (revision + 1) when one of them changed
    Created    a trial got its number and its configuration
    Started    someone began to evaluate it; again (attempt + 1) after it was lost or handed back
    Reported   intermediate values
    Released   it was handed back unevaluated (Ctrl-C, or its process died): it waits to be started again
    Finished   it ended, in state finished, pruned or failed

Every event has a key (kind, number, part) that exists once in a study: two processes cannot create the same trial,
start the same attempt or finish the same trial twice; the second `append` raises Conflict. `at` is wall-clock time in
seconds since 1970, for people only.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from trimtab.errors import StorageError

__all__ = [
    "Created",
    "Event",
    "Finished",
    "Opened",
    "Released",
    "Reported",
    "Started",
    "event_body",
    "event_from_row",
    "event_key",
]


class Opened(NamedTuple):
    """settings: plain JSON with space, direction, seed, sampler and versions."""

    number: int  # revision, from 0
    settings: dict[str, Any]
    at: float

    @property
    def kind(self) -> str:
        """opened"""
        return "opened"


class Created(NamedTuple):
    """stored: the configuration as plain JSON (Space.store).

    origin: "sampler", "repeat" for a configuration that is evaluated again on purpose (study._racing), "understand" for
        one that sharpens the sensitivities (study._understanding), "refine" for a step along reported gradients
        (study._refining), or "user" for a result or proposal from outside.
    """

    number: int
    stored: dict[str, Any]
    origin: str
    at: float

    @property
    def kind(self) -> str:
        """created"""
        return "created"


class Started(NamedTuple):
    """owner: plain JSON naming the process and its lease (study._owner)."""

    number: int
    attempt: int
    owner: dict[str, Any]
    at: float

    @property
    def kind(self) -> str:
        """started"""
        return "started"


class Reported(NamedTuple):
    """One or more points of the trial's curve, in the order of reporting.

    values: the user's own sign; NaN and infinities too. part: running count of the trial's events of this kind, from 0.
    """

    number: int
    part: int
    steps: tuple[float, ...]
    values: tuple[float, ...]
    at: float

    @property
    def kind(self) -> str:
        """reported"""
        return "reported"


class Released(NamedTuple):
    """attempt: the one that was handed back. lost: by others, since its process had died."""

    number: int
    attempt: int
    at: float
    lost: bool = False

    @property
    def kind(self) -> str:
        """released"""
        return "released"


class Finished(NamedTuple):
    """state: "finished", "pruned" or "failed". value: the user's own sign, finite, or None where there is none.

    seconds: None where unknown. error: traceback of a failure.
    outcomes: every number that the objective returned by name, the user's own sign, NaN and infinities too; None where
        it returned one number without a name. With several objectives there is no value, only outcomes.
    gradient: derivatives of the (first) objective by parameters, the user's own sign and units, finite; None where the
        trial reported none. Older versions read past it.
    """

    number: int
    state: str
    value: float | None
    seconds: float | None
    error: str | None
    at: float
    outcomes: dict[str, float] | None = None
    gradient: dict[str, float] | None = None

    @property
    def kind(self) -> str:
        """finished"""
        return "finished"


Event = Opened | Created | Started | Reported | Released | Finished


_ENDS = ("finished", "pruned", "failed")
_NUMBER = (float, int, type(None))  # exact classes, which JSON gives: quick to ask, and True is no number
_TEXT = (str, type(None))


def event_key(event: Event) -> tuple[str, int, int]:
    """(kind, number, part), unique within a study."""
    match event:
        case Started() | Released():
            return event.kind, event.number, event.attempt
        case Reported():
            return event.kind, event.number, event.part
    return event.kind, event.number, 0


def event_body(event: Event) -> dict[str, Any]:
    """What a storage keeps beside the key and the time: plain JSON."""
    match event:
        case Opened():
            return event.settings
        case Created():
            return {"params": event.stored, "origin": event.origin}
        case Started():
            return event.owner
        case Reported():
            return {"steps": [_plain(s) for s in event.steps], "values": [_plain(v) for v in event.values]}
        case Released():
            return {"lost": True} if event.lost else {}
        case Finished():
            seconds, error = event.seconds, event.error
            body: dict[str, Any] = {"state": event.state, "value": event.value, "seconds": seconds, "error": error}
            if event.outcomes is not None:
                body["outcomes"] = {name: _plain(value) for name, value in event.outcomes.items()}
            if event.gradient is not None:
                body["gradient"] = event.gradient
            return body


def _plain(number: float) -> float | str:
    """JSON has no NaN and no infinities: they become "nan", "inf" and "-inf"."""
    return number if math.isfinite(number) else str(number)


def event_from_row(kind: str, number: int, part: int, at: float, body: dict[str, Any]) -> Event:
    """The inverse of `event_key` and `event_body`.

    StorageError for a kind that this version does not know; ValueError, TypeError, KeyError or AttributeError for a body that
    no trimtab wrote.
    """
    match kind:
        case "created":
            params, origin = body["params"], body["origin"]
            if params.__class__ is not dict or origin.__class__ is not str:
                raise TypeError("params is no object, or origin no text")
            return Created(number, params, origin, at)
        case "started":
            if body.__class__ is not dict:
                raise TypeError("owner is no object")
            return Started(number, part, body, at)
        case "finished":
            state, value, seconds, error = body["state"], body["value"], body["seconds"], body["error"]
            if state not in _ENDS or value.__class__ not in _NUMBER or seconds.__class__ not in _NUMBER:
                raise ValueError(
                    f"a trial that ended as {state!r}, with the value {value!r}, after {seconds!r} seconds"
                )
            if error.__class__ not in _TEXT:
                raise TypeError("error is no text")
            told, slopes = body.get("outcomes"), body.get("gradient")
            outcomes = None if told is None else {name: float(value) for name, value in told.items()}
            gradient = None if slopes is None else {name: float(slope) for name, slope in slopes.items()}
            return Finished(number, state, value, seconds, error, at, outcomes, gradient)
        case "reported":
            if "step" in body:  # one point an event, as trimtab 0.1 wrote
                return Reported(number, part, (float(body["step"]),), (float(body["value"]),), at)
            steps, values = body["steps"], body["values"]
            if len(steps) != len(values):
                raise ValueError(f"{len(steps)} steps and {len(values)} values")
            return Reported(number, part, tuple(map(float, steps)), tuple(map(float, values)), at)
        case "released":
            return Released(number, part, at, body.get("lost", False))
        case "opened":
            if body.__class__ is not dict:
                raise TypeError("settings is no object")
            return Opened(number, body, at)
    raise StorageError(
        f"The storage holds an event of the unknown kind {kind!r}. It was written by a newer trimtab: update this one."
    )
