"""Whether a log is whole: what must be true of every one that trimtab writes, and what can be made of one that is not.

    opened     revisions 0, 1, 2, ...; the first one before all trials
    created    numbers 0, 1, 2, ...
    started    after its trial was created; attempts 0, 1, 2, ..., each after the one before was released
    released   an attempt that was started
    reported   after its trial was started; parts 0, 1, 2, ...
    finished   once, after its trial was created

Anything may follow the end of a trial: what its owner did before it heard of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trimtab.records._events import Created, Event, Finished, Opened, Released, Reported, Started

__all__ = ["Mended", "faults", "mend"]

_SHOWN = 5  # numbers that a sentence lists


@dataclass(frozen=True)
class Mended:
    """events: a log without faults. left_out: events that have no place in it. remarks: what was done, in words."""

    events: list[Event]
    left_out: list[Event]
    remarks: list[str]


@dataclass
class _Walk:
    """What is known of a study after some of its events."""

    opened: int = 0
    created: int = 0
    attempts: dict[int, int] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def wrong(self, event: Event) -> str:
        """What speaks against this event as the next one; "" if nothing does."""
        number = event.number
        match event:
            case Opened():
                return "" if number == self.opened else "settings that have another revision than the next"
            case Created():
                return "" if number == self.created else "created with another number than the next"
        if not 0 <= number < self.created:
            return f"{event.kind} and never created before"
        match event:
            case Started():
                if event.attempt != self.attempts.get(number, 0):
                    return "started with another attempt than the next"
                return "started again while it was running" if number in self.running else ""
            case Released():
                return "" if event.attempt < self.attempts.get(number, 0) else "handed back and never started"
            case Reported() if number not in self.attempts:
                return "reported and never started"
            case Reported():
                return "" if event.part == self.parts.get(number, 0) else "reported with a gap before"
            case Finished():
                return "ended twice" if number in self.ended else ""
        return ""

    def take(self, event: Event) -> None:
        """Go on after this event, right or wrong."""
        number = event.number
        match event:
            case Opened():
                self.opened = number + 1
            case Created():
                self.created = number + 1
            case Started():
                self.attempts[number] = event.attempt + 1
                self.running[number] = event.attempt
            case Released():
                if self.running.get(number) == event.attempt:
                    del self.running[number]
            case Reported():
                self.parts[number] = event.part + 1
            case Finished():
                self.ended.add(number)


def faults(events: Sequence[Event]) -> list[str]:
    """What is wrong with the log of one study, in words; [] where it is whole."""
    walk, found = _Walk(), dict[str, list[int]]()
    if not events or not isinstance(events[0], Opened):
        found["its log does not begin with its settings"] = []
    for event in events:
        wrong = walk.wrong(event)
        if wrong:
            found.setdefault(wrong, []).append(event.number)
        walk.take(event)
    return [f"{text}{_listed(numbers)}" for text, numbers in found.items()]


def mend(events: Sequence[Event]) -> Mended:
    """The best that can be made of a log: nothing is invented, what has no place is left out.

    Where trials are missing, the later ones move up: numbers are ranks. events: in the order in which they were appended.
    """
    remarks: list[str] = []
    numbers = sorted({event.number for event in events if isinstance(event, Created)})
    places = {old: new for new, old in enumerate(numbers)}
    if numbers and numbers[-1] != len(numbers) - 1:
        lost = sorted(set(range(numbers[-1])) - set(numbers))
        moved = next(old for old, new in places.items() if old != new)
        remarks.append(f"{len(lost)} trial(s) are lost{_listed(lost)}; trial {moved} is now {places[moved]}, and so on")
    walk, kept, left_out = _Walk(), list[Event](), list[Event]()
    for event in _in_order(events):
        moved_event = _moved(event, walk, places)
        if moved_event is None or (wrong := walk.wrong(moved_event)):
            if moved_event is None or wrong != "started again while it was running":
                left_out.append(event)
                continue
            handed_back = Released(moved_event.number, walk.running[moved_event.number], event.at, lost=True)
            walk.take(handed_back)
            kept.append(handed_back)
        walk.take(moved_event)
        kept.append(moved_event)
    if kept and not isinstance(kept[0], Opened):
        remarks.append("its settings are lost: open it with the space it had, Study(space, storage=..., name=...)")
    if left_out:
        remarks.append(f"{len(left_out)} event(s) have no place in its log: {_counted(left_out)}")
    return Mended(kept, left_out, remarks)


def _in_order(events: Sequence[Event]) -> list[Event]:
    """Trials in the order of their numbers; all else where it was, the first settings first."""
    created = iter(sorted((e for e in events if isinstance(e, Created)), key=lambda e: e.number))
    log = [next(created) if isinstance(event, Created) else event for event in events]
    first = next((k for k, event in enumerate(log) if isinstance(event, Opened)), 0)
    return [*log[first : first + 1], *log[:first], *log[first + 1 :]]


def _moved(event: Event, walk: _Walk, places: dict[int, int]) -> Event | None:
    """The event with the number, attempt or part that comes next; None if its trial is lost."""
    if isinstance(event, Opened):
        return event._replace(number=walk.opened)
    if event.number not in places:
        return None
    number = places[event.number]
    match event:
        case Created() if number < walk.created:
            return None  # a second one of the same number
        case Started():
            return event._replace(number=number, attempt=walk.attempts.get(number, 0))
        case Released():
            if number not in walk.running:
                return None
            return event._replace(number=number, attempt=walk.running[number])
        case Reported():
            return event._replace(number=number, part=walk.parts.get(number, 0))
    return event._replace(number=number)


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f": {shown}{more}" if numbers else ""


def _counted(events: Sequence[Event]) -> str:
    kinds: dict[str, int] = {}
    for event in events:
        kinds[event.kind] = kinds.get(event.kind, 0) + 1
    return ", ".join(f"{n} {kind}" for kind, n in kinds.items())
