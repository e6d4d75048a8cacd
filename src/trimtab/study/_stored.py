"""What a storage holds of a study, before it is opened: its settings, whether they fit, what its space lacks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from trimtab.errors import InputError, SpaceError, StorageError
from trimtab.records import Created, Event, Opened
from trimtab.space import Space
from trimtab.space._labels import LabelText
from trimtab.storage import Storage, open_storage

__all__ = ["check_resume", "open_to_look", "read_stored", "unknown_parts"]


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


def check_resume(name: str, old: dict[str, Any], space: Space, direction: str, created: Sequence[Created]) -> None:
    """Raise InputError or SpaceError unless a stored study can go on with this space and direction.

    old: its settings. created: its trials.
    """
    if old["direction"] != direction:
        raise InputError(
            f"Study {name!r} is stored with direction={old['direction']!r}, got {direction!r}. "
            "Use the stored one, or another study name."
        )
    if old["space"] != space.to_dict():
        if old["space"].get("version", 1) > space.to_dict()["version"]:
            raise SpaceError(f"Study {name!r} was stored by a newer trimtab ({old['trimtab']}). Update trimtab.")
        try:
            space.check_stored([e.stored for e in created], Space.from_dict(old["space"]))
        except SpaceError as error:
            raise SpaceError(f"Study {name!r} cannot go on with this space. {error}") from None
