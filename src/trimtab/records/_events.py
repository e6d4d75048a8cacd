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
from dataclasses import dataclass
from typing import Any, ClassVar

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


@dataclass(frozen=True, slots=True)
class Opened:
    """settings: plain JSON with space, direction, seed, sampler and versions."""

    kind: ClassVar[str] = "opened"
    number: int  # revision, from 0
    settings: dict[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class Created:
    """stored: the configuration as plain JSON (Space.store).

    origin: "sampler", "repeat" for a configuration that is evaluated again on purpose (study._racing), "understand" for
        one that sharpens the sensitivities (study._understanding), "refine" for a step along reported gradients
        (study._refining), or "user" for a result or proposal from outside.
    """

    kind: ClassVar[str] = "created"
    number: int
    stored: dict[str, Any]
    origin: str
    at: float


@dataclass(frozen=True, slots=True)
class Started:
    """owner: plain JSON naming the process and its lease (study._owner)."""

    kind: ClassVar[str] = "started"
    number: int
    attempt: int
    owner: dict[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class Reported:
    """One or more points of the trial's curve, in the order of reporting.

    values: the user's own sign; NaN and infinities too. part: running count of the trial's events of this kind, from 0.
    """

    kind: ClassVar[str] = "reported"
    number: int
    part: int
    steps: tuple[float, ...]
    values: tuple[float, ...]
    at: float


@dataclass(frozen=True, slots=True)
class Released:
    """attempt: the one that was handed back. lost: by others, since its process had died."""

    kind: ClassVar[str] = "released"
    number: int
    attempt: int
    at: float
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """state: "finished", "pruned" or "failed". value: the user's own sign, finite, or None where there is none.

    seconds: None where unknown. error: traceback of a failure.
    outcomes: every number that the objective returned by name, the user's own sign, NaN and infinities too; None where
        it returned one number without a name. With several objectives there is no value, only outcomes.
    gradient: derivatives of the (first) objective by parameters, the user's own sign and units, finite; None where the
        trial reported none. Older versions read past it.
    """

    kind: ClassVar[str] = "finished"
    number: int
    state: str
    value: float | None
    seconds: float | None
    error: str | None
    at: float
    outcomes: dict[str, float] | None = None
    gradient: dict[str, float] | None = None


Event = Opened | Created | Started | Reported | Released | Finished


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
    """The inverse of `event_key` and `event_body`. StorageError for a kind that this version does not know."""
    match kind:
        case "created":
            return Created(number, body["params"], body["origin"], at)
        case "started":
            return Started(number, part, body, at)
        case "finished":
            told = body.get("outcomes")
            outcomes = None if told is None else {name: float(value) for name, value in told.items()}
            slopes = body.get("gradient")
            gradient = None if slopes is None else {name: float(slope) for name, slope in slopes.items()}
            return Finished(
                number, body["state"], body["value"], body["seconds"], body["error"], at, outcomes, gradient
            )
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
            return Opened(number, body, at)
    raise StorageError(
        f"The storage holds an event of the unknown kind {kind!r}. It was written by a newer trimtab: update this one."
    )
