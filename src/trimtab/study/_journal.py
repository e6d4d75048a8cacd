"""A study's view of its storage: what was read so far, folded; the appends, which other processes may win; the lease.

The only place where events are written. Every change is one transaction; `Conflict` means that another process was
first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from trimtab._version import __version__
from trimtab.errors import Conflict, StorageError
from trimtab.logs import log_event
from trimtab.records import Event, Fold, Goals, Opened
from trimtab.samplers import Sampler
from trimtab.samplers._goals import check_goals
from trimtab.space import Space
from trimtab.storage import Storage
from trimtab.study._in_order import InOrder
from trimtab.study._lease import Lease
from trimtab.study._stored import Wish, check_resume

__all__ = ["TRIES", "Journal"]

TRIES = 1_000  # a process that loses the race this often is starved by something else


class Journal:
    """fold: the study's state up to what `sync` read last. settings: the newest Opened event's."""

    def __init__(self, storage: Storage, name: str, fold: Fold, position: int) -> None:
        self.storage = storage
        self.name = name
        self.fold = fold
        self.lease = Lease(storage, name)
        self.in_order: InOrder | None = None  # kept where proposals may not depend on timing (deterministic=True)
        self._position = position
        self._torn = False

    @classmethod
    def open(
        cls, storage: Storage, name: str, space: Space, wish: Wish, seed: int | None, new_seed: int, sampler: Sampler
    ) -> Journal:
        """Open the study, or create it. seed: None keeps the stored one; a study without any gets `new_seed`.

        A changed space and changed limits are checked against the stored trials, the sampler against the stored objectives;
        what changed is appended.
        """
        for _ in range(TRIES):
            events, position = storage.read(name)
            opened = [e for e in events if isinstance(e, Opened)]
            goals = wish.goals
            if opened:
                goals = wish.resumed(name, opened[-1].settings, events)
                check_resume(name, opened[-1].settings, space, events)
                check_goals(sampler, goals)
            settings = {
                "space": space.to_dict(),
                **goals.to_settings(),
                "seed": seed if seed is not None else opened[-1].settings["seed"] if opened else new_seed,
                "sampler": repr(sampler),
                "trimtab": __version__,
            }
            if opened and "plan" in opened[-1].settings:
                settings["plan"] = opened[-1].settings["plan"]
            if not opened or _differ(opened[-1].settings, settings):
                try:
                    storage.append(name, [Opened(len(opened), settings, time.time())])
                except Conflict:
                    continue
                events, position = storage.read(name)
            journal = cls.of(storage, name, space, goals, events, position)
            begun = f"it goes on after {journal.fold.n} trials" if opened else "a new one"
            log_event("study_opened", name, reason=f"{begun}, in {storage.describe()}")
            return journal
        raise StorageError(f"Study {name!r} could not be opened: other processes kept changing it.")

    @classmethod
    def of(
        cls, storage: Storage, name: str, space: Space, goals: Goals, events: Sequence[Event], position: int
    ) -> Journal:
        """The study as its events, read up to `position`, tell it: nothing is written.

        StorageError for events that make no study; whoever reads what strangers wrote checks more: storage.Checked.
        """
        fold = Fold(space, goals.direction, goals)
        try:
            fold.apply(events)
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StorageError(
                f"Study {name!r} in {storage.describe()} holds events that no trimtab wrote ({type(error).__name__}: {error}). "
                "It was damaged or edited: see what `trimtab check` says of it, or go back to a copy."
            ) from error
        return cls(storage, name, fold, position)

    @property
    def settings(self) -> dict[str, Any]:
        """space, direction, objectives and limits if they have names, seed, sampler and version, as stored."""
        return self.fold.opened[-1].settings

    @property
    def is_alone(self) -> bool:
        """Whether nobody else evaluates a trial of the study now, as far as was read."""
        return all(started.owner.get("worker") == self.lease.worker for started in self.fold.running.values())

    def sync(self) -> None:
        """Read what was appended since the last time. After a Ctrl-C in the middle of it: everything, afresh."""
        if self._torn:
            fold = self.fold
            self.fold, self._position = Fold(fold.space, fold.direction, fold.goals), 0
            if self.in_order is not None:
                self.in_order = InOrder(fold.space, fold.goals)
            self._torn = False
        self._take(*self.storage.read(self.name, self._position))

    def _take(self, events: Sequence[Event], position: int) -> None:
        """Apply what was read, up to `position`."""
        if events:
            self._torn = True
            self.fold.apply(events)
            if self.in_order is not None:
                self.in_order.apply(events)
            self._position = position
            self._torn = False

    def order(self, deterministic: bool) -> bool:
        """Keep the study as it stood generation by generation beside the fold, or stop doing so. Whether that is a change."""
        if deterministic == (self.in_order is not None):
            return False
        self.in_order = InOrder(self.fold.space, self.fold.goals) if deterministic else None
        self._torn = True  # it has to see everything
        self.sync()
        return True

    def plan(self, plan: dict[str, Any]) -> None:
        """Write down what the study is to become, for workers that join it (plain JSON)."""
        for _ in range(TRIES):
            if self.settings.get("plan") == plan:
                return
            try:
                self.append([Opened(len(self.fold.opened), {**self.settings, "plan": plan}, time.time())])
            except Conflict:
                self.sync()

    def append(self, events: Sequence[Event]) -> None:
        """Append and take in, so that this process sees what every other one sees."""
        if not self.write(events):
            self.sync()

    def write(self, events: Sequence[Event]) -> bool:
        """Append. Whether that was taken in, since nobody else wrote in between; else `sync` has to follow."""
        before = self._position
        after = self.storage.append(self.name, events)
        if after != before + len(events) or self._torn:
            return False
        self._take(events, after)
        return True


def _differ(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether the settings of a study changed; another version of trimtab alone is no change."""
    names = {*new, "objectives", "outcome_constraints"} - {"trimtab"}
    return any(old.get(name) != new.get(name) for name in names)
