"""Whether events are such as trimtab writes. Files and databases are untrusted input: what comes from them is checked once, here.

Checked are kinds of values, sizes, the order of a log, that its settings make a space and goals, and that every configuration
lies in that space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trimtab.records._events import Created, Event, Finished, Opened, Released, Reported, Started, event_key
from trimtab.records._goals import Goals
from trimtab.records._table import FINISHED, STATES
from trimtab.space import Space

__all__ = ["LogCheck", "check_event", "check_settings"]

_MOST = 2**31 - 1  # numbers of trials, attempts and processes
_ENDS = frozenset(STATES[FINISHED:])


class LogCheck:
    """A log, event by event as it is read."""

    def __init__(self) -> None:
        self._n_opened = 0
        self._n = 0
        self._keys: set[tuple[str, int, int]] = set()
        self._space: Space | None = None  # of the newest settings
        self._fresh: list[Mapping[str, Any]] = []  # configurations that `settle` has not seen

    def take(self, event: Event) -> None:
        """The next event. ValueError says what is wrong with it, or with its place."""
        check_event(event)
        kind, number, part = event_key(event)
        self._check_place(kind, number)
        if (kind, number, part) in self._keys:
            raise ValueError(f"the event {kind} {number} ({part}) is there twice")
        self._keys.add((kind, number, part))
        if isinstance(event, Created):
            self._fresh.append(event.stored)
        elif isinstance(event, Opened):
            self._space = Space.from_dict(event.settings["space"])

    def settle(self) -> None:
        """After the last event for now: ValueError where a configuration does not lie in the space."""
        if self._space is not None and self._fresh:
            try:
                self._space.check_stored(self._fresh)
            except (TypeError, KeyError, AttributeError, OverflowError) as error:
                raise ValueError(
                    f"a configuration does not lie in the space ({type(error).__name__}: {error})"
                ) from None
            self._fresh.clear()

    def _check_place(self, kind: str, number: int) -> None:
        if kind == "opened":
            if number != self._n_opened:
                raise ValueError(f"revision {number} of the settings comes where {self._n_opened} should")
            self._n_opened += 1
        elif not self._n_opened:
            raise ValueError("the log does not begin with the settings of the study (an event 'opened')")
        elif kind == "created":
            if number != self._n:
                raise ValueError(f"trial {number} is created where {self._n} should be")
            self._n += 1
        elif number >= self._n:
            raise ValueError(f"trial {number} is {kind} before it is created")


def check_event(event: Event) -> None:
    """ValueError says what is wrong with an event by itself, wherever it stands."""
    kind, number, part = event_key(event)
    if type(number) is not int or not 0 <= number <= _MOST or type(part) is not int or not 0 <= part <= _MOST:
        got = f"{kind} {number!r:.40} ({part!r:.40})"
        raise ValueError(f"the numbers of an event must be whole and from 0 to {_MOST}, got {got}")
    if not isinstance(event.at, (int, float)):
        raise ValueError(f"the time must be a number, got {event.at!r:.40}")
    _CHECKS[kind](event)


def check_settings(settings: object) -> None:
    """ValueError says what is wrong with the settings of an Opened event."""
    if not isinstance(settings, dict) or not isinstance(settings.get("space"), dict):
        raise ValueError("the settings of a study must be a table with its space")
    seed = settings.get("seed")
    if type(seed) is not int or not 0 <= seed < 2**128:
        raise ValueError(f"the seed must be a whole number from 0, got {seed!r:.40}")
    for name in ("sampler", "trimtab"):
        if not isinstance(settings.get(name), str):
            raise ValueError(f"the settings need a text {name!r}, got {settings.get(name)!r:.40}")
    try:
        Space.from_dict(settings["space"])
        Goals.from_settings(settings)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"the settings make no space and goals: {what}") from None


def _check_created(event: Created) -> None:
    if not isinstance(event.stored, dict) or not isinstance(event.origin, str):
        got = f"{event.stored!r:.40}, {event.origin!r:.40}"
        raise ValueError(f"a trial needs its configuration and an origin, got {got}")


def _check_reported(event: Reported) -> None:
    _check_numbers("steps and values", (*event.steps, *event.values))


def _check_released(event: Released) -> None:
    if not isinstance(event.lost, bool):
        raise ValueError(f"lost must be true or false, got {event.lost!r:.40}")


def _check_finished(event: Finished) -> None:
    if not isinstance(event.state, str) or event.state not in _ENDS:
        raise ValueError(
            f"the state of an ended trial must be one of {', '.join(sorted(_ENDS))}, got {event.state!r:.40}"
        )
    if event.value is not None and not (_is_number(event.value) and math.isfinite(event.value)):
        raise ValueError(f"the value must be a finite number, got {event.value!r:.40}")
    if event.seconds is not None and not _is_number(event.seconds):
        raise ValueError(f"the seconds must be a number, got {event.seconds!r:.40}")
    if event.error is not None and not isinstance(event.error, str):
        raise ValueError(f"the error must be a text, got {event.error!r:.40}")
    for name, numbers in (("outcomes", event.outcomes), ("gradient", event.gradient)):
        if numbers is not None:
            _check_numbers(name, numbers.values())
    if event.gradient and not all(map(math.isfinite, event.gradient.values())):
        raise ValueError("the gradient must be finite")


def _check_started(event: Started) -> None:
    owner: Mapping[str, Any] = event.owner
    if not isinstance(owner, dict):
        raise ValueError(f"the owner of a trial must be a table, got {owner!r:.40}")
    pid = owner.get("pid")
    if type(pid) is not int or not 0 < pid <= _MOST or not isinstance(owner.get("host"), str):
        raise ValueError(f"the owner of a trial needs a host and the number of a process, got {owner!r:.80}")
    lease = owner.get("lease", 0.0)
    if not (_is_number(lease) and 0 <= lease < math.inf):
        raise ValueError(f"a lease must be a number of seconds, got {lease!r:.40}")


def _check_numbers(name: str, numbers: Iterable[object]) -> None:
    for number in numbers:
        if not _is_number(number):
            raise ValueError(f"the {name} must be numbers, got {number!r:.40}")


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and -1e308 <= value <= 1e308)


_CHECKS: dict[str, Callable[[Any], None]] = {
    "opened": lambda event: check_settings(event.settings),
    "created": _check_created,
    "started": _check_started,
    "reported": _check_reported,
    "released": _check_released,
    "finished": _check_finished,
}
