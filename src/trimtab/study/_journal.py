"""A study's view of its storage: what was read so far, folded; and the appends, which other processes may win.

The only place where events are written. Every change is one transaction; `Conflict` means that another process was first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from trimtab._version import __version__
from trimtab.errors import Conflict, InputError, SpaceError, StorageError
from trimtab.records import DIRECTIONS, Created, Event, Fold, Opened
from trimtab.space import Space
from trimtab.storage import Storage

__all__ = ["Journal", "stored_settings"]

_TRIES = 1_000  # a process that loses the race this often is starved by something else


class Journal:
    """fold: the study's state up to what `sync` read last. settings: the newest Opened event's."""

    def __init__(self, storage: Storage, name: str, fold: Fold, position: int) -> None:
        self.storage = storage
        self.name = name
        self.fold = fold
        self._position = position

    @classmethod
    def open(cls, storage: Storage, name: str, space: Space, direction: str, seed: int | None, sampler: str) -> Journal:
        """Open the study, or create it. A changed space is checked against the stored trials; what changed is appended."""
        if direction not in DIRECTIONS:
            raise InputError(f"direction must be 'minimize' or 'maximize', got {direction!r}.")
        for _ in range(_TRIES):
            events, position = storage.read(name)
            opened = [e for e in events if isinstance(e, Opened)]
            if opened:
                _check_resume(name, opened[-1].settings, space, direction, [e for e in events if isinstance(e, Created)])
                if seed is None:
                    seed = opened[-1].settings["seed"]
            elif seed is None:
                import secrets

                seed = secrets.randbits(32)
            settings = {
                "space": space.to_dict(),
                "direction": direction,
                "seed": seed,
                "sampler": sampler,
                "trimtab": __version__,
            }
            if not opened or any(opened[-1].settings.get(k) != v for k, v in settings.items() if k != "trimtab"):
                try:
                    storage.append(name, [Opened(len(opened), settings, time.time())])
                except Conflict:
                    continue
                events, position = storage.read(name)
            fold = Fold(space, direction)
            fold.apply(events)
            return cls(storage, name, fold, position)
        raise StorageError(f"Study {name!r} could not be opened: other processes kept changing it.")

    @classmethod
    def view(cls, storage: Storage, name: str, space: Space, direction: str) -> Journal:
        """A stored study as it is: nothing is checked and nothing is written."""
        events, position = storage.read(name)
        fold = Fold(space, direction)
        fold.apply(events)
        return cls(storage, name, fold, position)

    @property
    def settings(self) -> dict[str, Any]:
        """space, direction, seed, sampler and version, as stored."""
        return self.fold.opened[-1].settings

    def sync(self) -> None:
        """Read what was appended since the last time."""
        events, self._position = self.storage.read(self.name, self._position)
        if events:
            self.fold.apply(events)

    def append(self, events: Sequence[Event]) -> None:
        """Append and read back, so that this process sees what every other one sees."""
        self.storage.append(self.name, events)
        self.sync()


def stored_settings(storage: Storage, name: str | None) -> tuple[str, dict[str, Any]]:
    """Name and newest settings of a stored study; the only one if `name` is None."""
    names = storage.names()
    if name is None:
        if len(names) != 1:
            found = ", ".join(map(repr, names)) or "no study"
            raise InputError(f"{storage.describe()} holds {found}. Say which one with name=." if names else f"{storage.describe()} holds no study.")
        name = names[0]
    events, _ = storage.read(name) if name in names else ([], 0)
    opened = [e for e in events if isinstance(e, Opened)]
    if not opened:
        found = ", ".join(map(repr, names)) or "none"
        raise InputError(f"{storage.describe()} holds no study named {name!r}. Its studies: {found}.")
    return name, opened[-1].settings


def _check_resume(name: str, old: dict[str, Any], space: Space, direction: str, created: Sequence[Created]) -> None:
    if old["direction"] != direction:
        raise InputError(
            f"Study {name!r} is stored with direction={old['direction']!r}, got {direction!r}. Use the stored one, or another study name."
        )
    if old["space"] != space.to_dict():
        if old["space"].get("version", 1) > space.to_dict()["version"]:
            raise SpaceError(f"Study {name!r} was stored by a newer trimtab ({old['trimtab']}). Update trimtab.")
        try:
            space.check_stored([e.stored for e in created])
        except SpaceError as error:
            raise SpaceError(f"Study {name!r} cannot go on with this space. {error}") from None
