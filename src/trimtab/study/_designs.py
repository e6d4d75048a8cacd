"""Lists of points as ordinary studies: stored, resumable, evaluated by many workers.

The study's sampler hands out the points of the list in order, each as often as it occurs. What the study has already, whoever proposed it,
is not evaluated again; so a stored study goes on where it was, and with a longer list evaluates what is new. A list may also be a function
of the trials: it is asked again each time that everything on it has ended, until it wants nothing new.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import SearchEnded
from trimtab.numerics import FloatArray
from trimtab.records import TrialTable
from trimtab.records._evaluation import point_keys
from trimtab.space import Space
from trimtab.study._proposals import Proposals

if TYPE_CHECKING:
    from trimtab.executors import Executor
    from trimtab.storage import Storage

__all__ = ["Listed", "evaluate_points"]


@dataclass(frozen=True, eq=False)
class Listed:
    """A sampler that hands out the points (m, d) of a list. State: how often each point was tried."""

    points: FloatArray
    _keys: list[tuple[bytes, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        seen: Counter[bytes] = Counter()
        numbered = []
        for key in point_keys(self.points):
            numbered.append((key, seen[key]))
            seen[key] += 1
        object.__setattr__(self, "_keys", numbered)

    def init(self, space: Space, seed: int) -> tuple[Counter[bytes], int]:
        """State before any trial: nothing tried, the list from its first point on."""
        return Counter(), 0

    def update(self, state: tuple[Counter[bytes], int], finished: TrialTable) -> tuple[Counter[bytes], int]:
        """State after newly ended trials, which count as tried however they ended."""
        tried, start = state[0] + Counter(point_keys(finished.x)), state[1]
        while start < len(self._keys) and tried[self._keys[start][0]] > self._keys[start][1]:
            start += 1
        return tried, start

    def suggest(
        self, state: tuple[Counter[bytes], int], pending: FloatArray, n: int, rng: np.random.Generator
    ) -> FloatArray:
        """The next n points (n, d) of the list, or as many as are left. SearchEnded if that is none."""
        tried, start = state
        waiting = Counter(point_keys(pending))
        chosen: list[int] = []
        for i in range(start, len(self._keys)):
            if len(chosen) == n:
                break
            key, before = self._keys[i]
            if tried[key] + waiting[key] <= before:
                chosen.append(i)
                waiting[key] += 1
        if not chosen and n:
            raise SearchEnded(
                f"All {len(self._keys)} points of the design were handed out, nothing is left to suggest."
            )
        return self.points[chosen]

    def __repr__(self) -> str:
        return "Listed()"


def evaluate_points(
    objective: Callable[[Any], object],
    space: Space,
    points: FloatArray | Callable[[TrialTable], FloatArray],
    *,
    seed: int,
    storage: str | os.PathLike[str] | Storage | None = None,
    name: str = "design",
    timeout: float | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
    retries: int = 0,
    progress: bool = True,
    callbacks: Sequence[Callable[[Any, Any], object]] = (),
) -> TrialTable:
    """Have a study evaluate the points (m, d) that it does not have yet; all its trials. Keywords as in `minimize`.

    points: all of them, or a function of the study's table that gives all that are wanted so far.
    """
    from trimtab.study._loop import Budget, run
    from trimtab.study._study import Study

    study = Study(space, sampler=Listed(np.empty((0, space.d))), storage=storage, name=name, seed=seed)
    budget = Budget(n_trials=0, timeout=timeout, retries=retries)
    began, table, ended = time.monotonic(), study.recover(), -1
    while len(table.ended) > ended:
        ended = len(table.ended)
        wanted = points(table) if callable(points) else points
        left = sum((Counter(point_keys(wanted)) - Counter(point_keys(table.ended.x))).values())
        spare = None if timeout is None else timeout - (time.monotonic() - began)
        if not left or (spare is not None and spare <= 0):
            break
        study._proposals = Proposals(Listed(wanted), space, study.seed)
        run(
            study,
            objective,
            replace(budget, n_trials=left, timeout=spare),
            workers,
            executor,
            catch,
            progress,
            callbacks,
        )
        table = study.table
    if isinstance(storage, (str, os.PathLike)):
        study.close()
    return table
