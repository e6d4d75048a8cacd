"""minimize and maximize: a whole study in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.records import FINISHED, Trial
from trimtab.study._study import Study

if TYPE_CHECKING:
    from trimtab.executors import Executor
    from trimtab.samplers import Sampler
    from trimtab.storage import Storage

__all__ = ["maximize", "minimize"]


def minimize(
    objective: Callable[[Trial], object],
    space: object,
    n_trials: int | None = None,
    *,
    sampler: str | Sampler = "auto",
    storage: str | os.PathLike[str] | Storage | None = None,
    name: str = "study",
    seed: int | None = None,
    timeout: float | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
    patience: int | None = None,
    target: float | None = None,
    retries: int = 0,
    progress: bool = True,
    callbacks: Sequence[Callable[[Study, Trial], object]] = (),
) -> Study:
    """Search `space` for the configuration with the lowest objective. Returns the Study.

    n_trials: trials that the study shall have evaluated in the end. A stored study goes on: run again after an interruption, the call
        completes what is missing; run again after the end, it evaluates nothing. (Study.optimize counts further trials instead.)
    The other arguments are those of Study and Study.optimize.
    """
    return _run("minimize", **locals())


def maximize(
    objective: Callable[[Trial], object],
    space: object,
    n_trials: int | None = None,
    *,
    sampler: str | Sampler = "auto",
    storage: str | os.PathLike[str] | Storage | None = None,
    name: str = "study",
    seed: int | None = None,
    timeout: float | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
    patience: int | None = None,
    target: float | None = None,
    retries: int = 0,
    progress: bool = True,
    callbacks: Sequence[Callable[[Study, Trial], object]] = (),
) -> Study:
    """Search `space` for the configuration with the highest objective; otherwise as `minimize`."""
    return _run("maximize", **locals())


def _run(
    direction: str,
    *,
    objective: Callable[[Trial], object],
    space: object,
    n_trials: int | None,
    sampler: str | Sampler,
    storage: str | os.PathLike[str] | Storage | None,
    name: str,
    seed: int | None,
    **keywords: Any,
) -> Study:
    study = Study(space, direction=direction, sampler=sampler, storage=storage, name=name, seed=seed)
    if isinstance(n_trials, (int, np.integer)) and n_trials > 0:
        n_trials = max(int(n_trials) - evaluated(study), 0)
    return study.optimize(objective, n_trials, **keywords)


def evaluated(study: Study) -> int:
    """Trials that were evaluated and have ended; results added from elsewhere do not count."""
    table = study.recover()
    fold = study._journal.fold
    return sum(bool(table.state[number] >= FINISHED) for number in fold.attempts)
