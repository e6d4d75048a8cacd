"""The study as it stood, generation by generation: what proposals see that must not depend on timing.

Trials come in generations of GENERATION by number. What is decided before trial n is created (the sampler's proposal, a repeat, a
trial for understanding, a rule that stops) sees the results of all earlier generations, in the order of their numbers, and of
the trials of n's own generation only the places. Which worker was faster, and how many there are, changes nothing: with the
same seed and an objective that repeats itself, 1, 2 or 8 workers make the same study, bit by bit.

The price: between two generations workers wait for the slowest trial, and one worker alone learns from up to GENERATION - 1
results less than it could.
"""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.records import Created, Curve, Event, Finished, Fold, Goals, Opened, Reported, Started
from trimtab.space import Space

__all__ = ["GENERATION", "InOrder"]

GENERATION = 8


class InOrder:
    """A second fold, behind the first: it takes the same events in an order that does not depend on timing."""

    def __init__(self, space: Space, goals: Goals) -> None:
        self._fold = Fold(space, goals.direction, goals)
        self._created: list[Created] = []
        self._more: dict[
            int, list[Event]
        ] = {}  # of trials whose end was not taken in yet: start and reports of the last attempt, end
        self._ended: set[int] = set()
        self._begun = self._known = 0  # trials whose creation, and whose end, was taken in

    def apply(self, events: Sequence[Event]) -> None:
        """Take in what was appended since the last call."""
        for event in events:
            match event:
                case Opened():
                    self._fold.apply([event])
                case Created():
                    self._created.append(event)
                case Started() if self._is_open(event.number):  # else its old owner has told it meanwhile
                    self._more[event.number] = [event]
                case Reported() if self._is_open(event.number):
                    self._more.setdefault(event.number, []).append(event)
                case Finished():
                    self._more.setdefault(event.number, []).append(event)
                    self._ended.add(event.number)

    def before(self, n: int) -> Fold | None:
        """What is known where trial n, the next one, is decided on; None as long as an earlier generation has not ended."""
        base = n - n % GENERATION
        if any(number not in self._ended for number in range(self._known, base)):
            return None
        while self._begun < n:
            if self._begun % GENERATION == 0:
                self._end(self._begun)
            created = self._created[self._begun]
            self._fold.apply([created])
            if created.origin != "user":  # whether one from outside was started by now is a matter of timing
                self._fold.apply([Started(created.number, 0, {}, created.at)])
            self._begun += 1
        self._end(base)
        return self._fold

    def curves(self, number: int) -> list[Curve]:
        """Of the generations before that of a trial that exists: what a pruner may see."""
        base = number - number % GENERATION
        known = self.before(base)
        return [] if known is None else [curve for curve in known.curves if curve.number < base]

    def _is_open(self, number: int) -> bool:
        """Whether a trial has not ended."""
        return number >= self._known and number not in self._ended

    def _end(self, base: int) -> None:
        """Take in how the trials below `base` ended."""
        while self._known < base:
            self._fold.apply(self._more.pop(self._known))
            self._ended.discard(self._known)
            self._known += 1
