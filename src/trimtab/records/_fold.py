"""fold: events in the order of the log become the table. The log is the truth, this is its only reading."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.errors import StorageError
from trimtab.numerics import FloatArray, IntArray
from trimtab.records._curves import Curve, Points
from trimtab.records._events import Created, Event, Finished, Opened, Released, Reported, Started
from trimtab.records._goals import Goals
from trimtab.records._table import CREATED, FAILED, FINISHED, RUNNING, STATES, TrialTable
from trimtab.records._trial import Channel, Trial
from trimtab.space import Space

__all__ = ["Fold"]

_CODES = {state: code for code, state in enumerate(STATES)}


class Fold:
    """The state of one study as far as its events were applied: one by one or all at once, it is the same.

    goals: None for one objective in this direction.
    """

    def __init__(self, space: Space, direction: str, goals: Goals | None = None) -> None:
        self.space = space
        self.goals = Goals.of(direction) if goals is None else goals
        self.direction = self.goals.direction
        self._sign = float(self.goals.signs[0])
        self._width = self.goals.m + len(self.goals.limits)
        self.opened: list[Opened] = []
        self.ended: list[int] = []  # numbers in the order of ending: what a sampler's state is made from
        self.running: dict[int, Started] = {}
        self.waiting: dict[int, None] = {}  # created and not started, or handed back; in order
        self.attempts: dict[int, int] = {}
        self.losses: dict[int, int] = {}  # how often the process of a trial died
        self.n_evaluated = 0  # ended trials that were started; results added from elsewhere do not count
        self.errors: dict[int, str] = {}
        self.points: dict[int, Points] = {}  # of the trials that reported, in their present attempt
        self.outcomes: dict[int, Mapping[str, float]] = {}  # of the trials that were told by name
        self.gradients: dict[int, Mapping[str, float]] = {}  # of the trials that reported one
        self.n_reports: dict[int, int] = {}
        self.repeated: set[int] = set()  # trials that evaluate a configuration again, on purpose
        self.understood: set[int] = set()  # trials that sharpen the sensitivities instead of searching
        self.refined: set[int] = set()  # steps along reported gradients
        self.n = self.n_from_sampler = 0
        self._stored: list[Mapping[str, Any]] = []
        self._y = array("d")
        self._several = None if self.goals.is_single else array("d")  # rows of the goals, where they are more than y
        self._state = bytearray()
        self._seconds = array("d")
        self._from_sampler = bytearray()
        self._x: FloatArray = np.empty((64, space.d))
        self._placed = 0  # rows of x that were computed from what is stored
        self._table: TrialTable | None = None  # of the events so far, once somebody asked for it

    def apply(self, events: Sequence[Event]) -> None:
        """Take in what was appended since the last call. StorageError for an event of a trial that was not created."""
        self._table = None
        for event in events:
            number = event.number
            match event:
                case Created():
                    if number != self.n:
                        raise self._misplaced(event)
                    self._create(event)
                case Opened():
                    self.opened.append(event)
                case _ if not 0 <= number < self.n:
                    raise self._misplaced(event)
                case Finished():
                    self._finish(event)
                case Started():
                    self.attempts[number] = event.attempt + 1
                    if self._state[number] < FINISHED:
                        if event.attempt:
                            self.points.pop(number, None)
                        self._state[number] = RUNNING
                        self.running[number] = event
                        self.waiting.pop(number, None)
                case Released():
                    running = self.running.get(number)
                    if running is not None and running.attempt == event.attempt:  # not by one who lost the trial
                        self._state[number] = CREATED
                        del self.running[number]
                        self.waiting[number] = None
                        self.losses[number] = self.losses.get(number, 0) + event.lost
                case Reported():
                    points = self.points.get(number)
                    if points is None:
                        points = self.points[number] = Points()
                    points.add(event.steps, event.values)
                    self.n_reports[number] = event.part + 1

    def _create(self, event: Created) -> None:
        number, origin = event.number, event.origin
        self._stored.append(event.stored)
        self._state.append(CREATED)
        self._y.append(math.nan)
        self._seconds.append(math.nan)
        self._from_sampler.append(origin == "sampler")
        if self._several is not None:
            self._several.extend([math.nan] * self._width)
        if origin == "sampler":
            self.n_from_sampler += 1
        elif origin == "repeat":
            self.repeated.add(number)
        elif origin == "understand":
            self.understood.add(number)
        elif origin == "refine":
            self.refined.add(number)
        self.waiting[number] = None
        self.n += 1

    def _finish(self, event: Finished) -> None:
        number, code = event.number, _CODES[event.state]
        self._state[number] = code
        if event.outcomes is not None:
            self.outcomes[number] = event.outcomes
        if event.gradient:
            self.gradients[number] = event.gradient
        if code != FAILED:
            self._note(number, event)
        if event.seconds is not None:
            self._seconds[number] = event.seconds
        if event.error is not None:
            self.errors[number] = event.error
        self.running.pop(number, None)
        self.waiting.pop(number, None)
        self.ended.append(number)
        self.n_evaluated += number in self.attempts

    @property
    def table(self) -> TrialTable:
        """All trials, in order of number. The same one until something was appended; its columns are read-only."""
        if self._table is None:
            self._table = self._rows(slice(0, self.n), range(self.n))
        return self._table

    def rows(self, numbers: Sequence[int]) -> TrialTable:
        """Some trials, at the cost of these alone: what `table.where` gives."""
        return self._rows(np.array(numbers, dtype=np.intp), numbers)

    def _rows(self, rows: slice | IntArray, numbers: Sequence[int]) -> TrialTable:
        self._place()
        several = None
        if self._several is not None:
            several = _column(np.frombuffer(self._several).reshape(self.n, self._width)[rows])
        return TrialTable(
            self.space,
            self.direction,
            np.arange(self.n)[rows],
            _column(self._x[: self.n][rows], copy=False),
            _column(np.frombuffer(self._y)[rows]),
            _column(np.frombuffer(self._state, dtype=np.uint8)[rows]),
            _column(np.frombuffer(self._seconds)[rows]),
            _column(np.frombuffer(self._from_sampler, dtype=np.bool_)[rows]),
            self.goals,
            several,
            self._derivatives(numbers) if self.gradients else None,
        )

    @property
    def pending(self) -> FloatArray:
        """The points (q, d) of the trials that were created and did not end, in order of number."""
        self._place()
        points: FloatArray = self._x[sorted((*self.running, *self.waiting))]
        return points

    def point(self, number: int) -> FloatArray:
        """The configuration (d,) of one trial in the unit cube."""
        self._place()
        row: FloatArray = self._x[number].copy()
        return row

    @property
    def stored(self) -> Sequence[Mapping[str, Any]]:
        """The configurations as they are stored, in order of number."""
        return self._stored

    @property
    def curves(self) -> list[Curve]:
        """Of all trials that reported, in order of number; values minimised as the first objective is."""
        sign = float(self.goals.signs[0])
        return [self.points[i].curve(i, int(self._state[i]), sign) for i in sorted(self.points)]

    def code(self, number: int) -> int:
        """The state of one trial, as its place in STATES."""
        return self._state[number]

    def params(self, number: int) -> dict[str, Any]:
        """The user's parameters of one trial."""
        return self.space.load([self._stored[number]])[0]

    def value(self, number: int) -> float | None:
        """The objective of one trial in the user's own sign; None while there is none, and where there are several."""
        y = self._y[number]
        return None if math.isnan(y) or self.goals.m > 1 else float(self.goals.signs[0] * y)

    def trial(self, number: int, params: Mapping[str, Any] | None = None, channel: Channel | None = None) -> Trial:
        """The record of one trial; `params` if they are known already."""
        value = self.value(number)
        outcomes = self.outcomes.get(number, {} if value is None else {self.goals.objectives[0]: value})
        return Trial(
            number,
            self.params(number) if params is None else params,
            seed=self._trial_seed(number),
            state=STATES[self._state[number]],
            value=value,
            seconds=self._seconds[number],
            error=self.errors.get(number),
            reports=self.points[number].by_step() if number in self.points else None,
            outcomes=outcomes,
            gradient=self.gradients.get(number),
            numeric=() if channel is None else self.space.numeric(self._stored[number]),
            channel=channel,
        )

    def _trial_seed(self, number: int) -> int:
        """Of the seed that the study was begun with: a later one changes proposals, never a trial that exists."""
        study = int(self.opened[0].settings.get("seed") or 0) if self.opened else 0
        return int(np.random.SeedSequence(study, spawn_key=(number,)).generate_state(1)[0])

    def _note(self, number: int, event: Finished) -> None:
        """The row of the goals of a trial that has a result."""
        told = event.outcomes
        if told is None and self._several is None:
            if event.value is not None:
                self._y[number] = self._sign * event.value
            return
        if told is None:
            told = {} if event.value is None else {self.goals.objectives[0]: event.value}
        if self._several is not None:
            at = number * self._width
            self._several[at : at + self._width] = array("d", self.goals.row(told))
        y = told.get(self.goals.objectives[0])
        if y is not None:
            self._y[number] = self._sign * y

    def _derivatives(self, numbers: Sequence[int]) -> FloatArray:
        """Of y by x, as reported (n, d); NaN elsewhere."""
        found = np.full((len(numbers), self.space.d), np.nan)
        rows = [(row, number) for row, number in enumerate(numbers) if number in self.gradients]
        stored, told = [self._stored[i] for _, i in rows], [self.gradients[i] for _, i in rows]
        found[[row for row, _ in rows]] = self.goals.signs[0] * self.space.derivatives(stored, told)
        return found

    def _place(self) -> None:
        """Compute the rows of x of trials that were created since. Old tables keep their own arrays."""
        if self._placed < self.n:
            if self.n > len(self._x):
                x = np.empty((max(2 * len(self._x), self.n), self.space.d))
                x[: self._placed] = self._x[: self._placed]
                self._x = x
            self._x[self._placed : self.n] = self.space.restore(self._stored[self._placed :])
            self._placed = self.n

    def _misplaced(self, event: Event) -> StorageError:
        return StorageError(
            f"The log holds the event {event.kind} {event.number} where {self.n} trials are created: a part of it is missing, "
            "or no trimtab wrote it. See what `trimtab check` says of the file."
        )


def _column(column: Any, copy: bool = True) -> Any:
    """A column of a table, which many may hold: of its own memory, and read-only."""
    column = column.copy() if copy else column.view()
    column.flags.writeable = False
    return column
