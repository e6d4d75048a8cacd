"""What a storage holds of a study, before it is opened: its settings, whether they fit, what its space lacks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.errors import InputError, SpaceError, StorageError
from trimtab.records import VALUE, Created, Event, Finished, Goals, Opened, check_settings
from trimtab.space import Space
from trimtab.space._labels import LabelText
from trimtab.storage import Storage, open_storage

__all__ = ["Wish", "check_resume", "open_to_look", "read_stored", "unknown_parts"]


def read_stored(storage: Storage, name: str | None) -> tuple[str, list[Event], int]:
    """Name, events and position of a stored study; the only one if `name` is None. InputError if there is none such."""
    names = storage.names()
    if name is None:
        if len(names) != 1:
            what = f"{', '.join(map(repr, names))}. Say which one with name=." if names else "no study."
            raise InputError(f"{storage.describe()} holds {what}")
        name = names[0]
    events, position = storage.read(name) if name in names else ([], 0)
    if not any(isinstance(e, Opened) for e in events):
        found = ", ".join(map(repr, names)) or "none"
        raise InputError(f"{storage.describe()} holds no study named {name!r}. Its studies: {found}.")
    try:
        for event in events:
            if isinstance(event, Opened):
                check_settings(event.settings)
    except ValueError as error:
        raise StorageError(
            f"Study {name!r} in {storage.describe()} has settings that no trimtab wrote: {error}. It was damaged or edited: go "
            "back to a copy of it."
        ) from None
    return name, events, position


def open_to_look(storage: str | os.PathLike[str] | Storage) -> Storage:
    """The storage; one that may not be written, for reading only."""
    try:
        return open_storage(storage, must_exist=True)
    except StorageError:
        try:
            return open_storage(storage, must_exist=True, readonly=True)
        except StorageError:
            pass
        raise


def unknown_parts(space: Space) -> str:
    """What a space that was read from a storage lacks, in words: functions and objects, whose names only are stored."""
    parts = [f"the code of the constraint {c.text}" for c in space.constraints if c.rule is None]
    for name, parameter in space.parameters.items():
        values = getattr(parameter, "choices", ()) or [getattr(parameter, "value", None)]
        parts += [f"the value {v} of parameter {name!r}" for v in values if isinstance(v, LabelText)]
    return ", ".join(parts)


@dataclass(frozen=True)
class Wish:
    """The goals that a user asks for. named, limited: whether objectives and limits were given; else the stored ones."""

    goals: Goals
    named: bool
    limited: bool

    @classmethod
    def of(cls, direction: str, objectives: object, limits: object) -> Wish:
        """From the arguments of a study. InputError names what is wrong."""
        return cls(Goals.of(direction, objectives, limits), objectives is not None, limits is not None)

    def resumed(self, name: str, old: dict[str, Any], events: Sequence[Event]) -> Goals:
        """The goals with which the stored study goes on. old: its settings. events: its log.

        InputError for another direction or other objectives, and for a limit on an outcome that a finished trial lacks.
        """
        stored, goals = Goals.from_settings(old), self.goals
        if not self.named and stored.objectives != (VALUE,):
            goals = Goals(stored.objectives, stored.signs, goals.limits)
        if not self.limited:
            goals = Goals(goals.objectives, goals.signs, stored.limits)
        if goals.objectives == stored.objectives == (VALUE,) and goals.signs != stored.signs:
            raise InputError(
                f"Study {name!r} is stored with direction={stored.direction!r}, got {goals.direction!r}. "
                "Use the stored one, or another study name."
            )
        if goals.directions != stored.directions:
            raise InputError(
                f"Study {name!r} is stored with objectives={stored.directions}, got {goals.directions}. "
                "Use the stored ones, or another study name."
            )
        _check_limits(name, stored, goals, events)
        return Goals(stored.objectives, stored.signs, goals.limits)


def _check_limits(name: str, old: Goals, new: Goals, events: Sequence[Event]) -> None:
    """InputError unless the finished trials of a study recorded the outcomes that new limits ask for."""
    fresh = [outcome for outcome in new.names if outcome not in old.names]
    for event in events if fresh else ():
        if isinstance(event, Finished) and event.state == "finished":
            missing = [outcome for outcome in fresh if outcome not in (event.outcomes or {})]
            if missing:
                raise InputError(
                    f"Study {name!r} cannot go on with a limit on {missing[0]!r}: its trial {event.number} finished "
                    "without this outcome. Use another study name, and add what is known by add_trial."
                )


def check_resume(name: str, old: dict[str, Any], space: Space, events: Sequence[Event]) -> None:
    """Raise SpaceError unless a stored study can go on with this space. old: its settings. events: its log."""
    created = [e for e in events if isinstance(e, Created)]
    if old["space"] != space.to_dict():
        if old["space"].get("version", 1) > space.to_dict()["version"]:
            raise SpaceError(f"Study {name!r} was stored by a newer trimtab ({old['trimtab']}). Update trimtab.")
        try:
            space.check_stored([e.stored for e in created], Space.from_dict(old["space"]))
        except SpaceError as error:
            raise SpaceError(f"Study {name!r} cannot go on with this space. {error}") from None
