"""fold: events in the order of the log become the table. The log is the truth, this is its only reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records._curves import Curve, Points
from trimtab.records._events import Created, Event, Finished, Opened, Released, Reported, Started
from trimtab.records._goals import Goals
from trimtab.records._table import CREATED, FINISHED, PRUNED, RUNNING, STATES, TrialTable
from trimtab.records._trial import Channel, Trial
from trimtab.space import Space

__all__ = ["Fold"]


class Fold:
    """The state of one study as far as its events were applied: one by one or all at once, it is the same.

    goals: None for one objective in this direction.
    """

    def __init__(self, space: Space, direction: str, goals: Goals | None = None) -> None:
        self.space = space
        self.goals = Goals.of(direction) if goals is None else goals
        self.direction = self.goals.direction
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
        self.n = 0
        self._stored: list[Mapping[str, Any]] = []
        self._x: FloatArray = np.empty((64, space.d))
        self._y: FloatArray = np.full(64, np.nan)
        self._several: FloatArray | None = None  # rows of the goals, where they are more than y
        if not self.goals.is_single:
            self._several = np.full((64, self.goals.m + len(self.goals.limits)), np.nan)
        self._state = np.zeros(64, dtype=np.uint8)
        self._seconds: FloatArray = np.full(64, np.nan)
        self._from_sampler = np.zeros(64, dtype=bool)
        self._placed = 0  # rows of x that were computed from what is stored

    def apply(self, events: Sequence[Event]) -> None:
        """Take in what was appended since the last call."""
        for event in events:
            number = event.number
            match event:
                case Created():
                    if self.n == len(self._y):
                        self._grow()
                    self._stored.append(event.stored)
                    self._state[number] = CREATED
                    self._from_sampler[number] = event.origin == "sampler"
                    if event.origin == "repeat":
                        self.repeated.add(number)
                    if event.origin == "understand":
                        self.understood.add(number)
                    if event.origin == "refine":
                        self.refined.add(number)
                    self.waiting[number] = None
                    self.n += 1
                case Finished():
                    code = STATES.index(event.state)
                    self._state[number] = code
                    if event.outcomes is not None:
                        self.outcomes[number] = event.outcomes
                    if event.gradient:
                        self.gradients[number] = event.gradient
                    if code in (FINISHED, PRUNED):
                        self._note(number, event)
                    self._seconds[number] = np.nan if event.seconds is None else event.seconds
                    if event.error is not None:
                        self.errors[number] = event.error
                    self.running.pop(number, None)
                    self.waiting.pop(number, None)
                    self.ended.append(number)
                    self.n_evaluated += number in self.attempts
                case Started():
                    self.attempts[number] = event.attempt + 1
                    if event.attempt and self._state[number] < FINISHED:
                        self.points.pop(number, None)
                    if self._state[number] < FINISHED:
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
                case Opened():
                    self.opened.append(event)

    @property
    def table(self) -> TrialTable:
        """All trials, in order of number."""
        self._place()
        n = self.n
        return TrialTable(
            self.space,
            self.direction,
            np.arange(n),
            self._x[:n],
            self._y[:n].copy(),
            self._state[:n].copy(),
            self._seconds[:n].copy(),
            self._from_sampler[:n],
            self.goals,
            None if self._several is None else self._several[:n].copy(),
            self._derivatives() if self.gradients else None,
        )

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

    def trial(self, number: int, params: Mapping[str, Any] | None = None, channel: Channel | None = None) -> Trial:
        """The record of one trial; `params` if they are known already."""
        if params is None:
            params = self.space.load([self._stored[number]])[0]
        y, code = self._y[number], self._state[number]
        value = None if np.isnan(y) or self.goals.m > 1 else float(self.goals.signs[0] * y)
        outcomes = self.outcomes.get(number, {} if value is None else {self.goals.objectives[0]: value})
        return Trial(
            number,
            params,
            seed=self._trial_seed(number),
            state=STATES[code],
            value=value,
            seconds=float(self._seconds[number]),
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
        if told is None:
            told = {} if event.value is None else dict.fromkeys(self.goals.objectives[:1], event.value)
        if self._several is not None:
            self._several[number] = self.goals.row(told)
        self._y[number] = self.goals.signs[0] * told.get(self.goals.objectives[0], np.nan)

    def _derivatives(self) -> FloatArray:
        """Of y by x, as reported (n, d); NaN elsewhere."""
        found = np.full((self.n, self.space.d), np.nan)
        rows = list(self.gradients)
        slopes = self.space.derivatives([self._stored[i] for i in rows], [self.gradients[i] for i in rows])
        found[rows] = self.goals.signs[0] * slopes
        return found

    def _place(self) -> None:
        """Compute the rows of x of trials that were created since."""
        if self._placed < self.n:
            self._x[self._placed : self.n] = self.space.restore(self._stored[self._placed :])
            self._placed = self.n

    def _grow(self) -> None:
        """Twice the room. Old tables keep their own arrays."""
        n = len(self._y)
        self._x = np.concatenate([self._x, np.empty_like(self._x)])
        self._y = np.concatenate([self._y, np.full(n, np.nan)])
        if self._several is not None:
            self._several = np.concatenate([self._several, np.full_like(self._several, np.nan)])
        self._state = np.concatenate([self._state, np.zeros_like(self._state)])
        self._seconds = np.concatenate([self._seconds, np.full(n, np.nan)])
        self._from_sampler = np.concatenate([self._from_sampler, np.zeros_like(self._from_sampler)])
