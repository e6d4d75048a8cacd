"""minimize and maximize: a whole study in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trimtab.records import Trial
from trimtab.study._study import Study

if TYPE_CHECKING:
    from trimtab.executors import Executor
    from trimtab.pruners import Pruner
    from trimtab.samplers import Sampler
    from trimtab.storage import Storage

__all__ = ["maximize", "minimize"]


def minimize(
    objective: Callable[[Trial], object],
    space: object,
    n_trials: int | None = None,
    *,
    objectives: Mapping[str, str] | Sequence[str] | None = None,
    outcome_constraints: Sequence[str] | None = None,
    sampler: str | Sampler = "auto",
    storage: str | os.PathLike[str] | Storage | None = None,
    name: str = "study",
    seed: int | None = None,
    pruner: str | Pruner | None = None,
    timeout: float | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
    patience: int | None = None,
    target: float | None = None,
    max_regret: float | None = None,
    retries: int = 0,
    repeats: int = 1,
    understand: float = 0.0,
    deterministic: bool = False,
    start: Sequence[Mapping[str, Any]] = (),
    warm_start: object = (),
    progress: bool = True,
    callbacks: Sequence[Callable[[Study, Trial], object]] = (),
) -> Study:
    """Search `space` for the configuration with the lowest objective. Returns the Study.

    n_trials: trials that the study shall have evaluated in the end. A stored study goes on: run again after an
        interruption, the call completes what is missing; run again after the end, it evaluates nothing. Processes that
        share a storage share the number, and each returns when the study has all of them: it waits for the last trials of the
        others, and takes over those whose process died. (Study.optimize counts further trials instead.)
    warm_start: an earlier study, its trial table or the path of its storage, or a list of them: a new study evaluates
        the three best configurations of each first, see Study.warm_start.
    The other arguments are those of Study and Study.optimize; objectives that name no direction are minimised.
    """
    return _run("minimize", **locals())


def maximize(
    objective: Callable[[Trial], object],
    space: object,
    n_trials: int | None = None,
    *,
    objectives: Mapping[str, str] | Sequence[str] | None = None,
    outcome_constraints: Sequence[str] | None = None,
    sampler: str | Sampler = "auto",
    storage: str | os.PathLike[str] | Storage | None = None,
    name: str = "study",
    seed: int | None = None,
    pruner: str | Pruner | None = None,
    timeout: float | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
    patience: int | None = None,
    target: float | None = None,
    max_regret: float | None = None,
    retries: int = 0,
    repeats: int = 1,
    understand: float = 0.0,
    deterministic: bool = False,
    start: Sequence[Mapping[str, Any]] = (),
    warm_start: object = (),
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
    objectives: Mapping[str, str] | Sequence[str] | None,
    outcome_constraints: Sequence[str] | None,
    sampler: str | Sampler,
    storage: str | os.PathLike[str] | Storage | None,
    name: str,
    seed: int | None,
    pruner: str | Pruner | None,
    workers: int,
    executor: Executor | None,
    catch: type[BaseException] | tuple[type[BaseException], ...],
    start: Sequence[Mapping[str, Any]],
    warm_start: object,
    progress: bool,
    callbacks: Sequence[Callable[[Study, Trial], object]],
    **ends: Any,
) -> Study:
    """ends: the other fields of Budget."""
    from trimtab.study._loop import Budget, run

    budget = Budget(n_trials=n_trials, **ends)
    study = Study(
        space,
        direction=direction,
        objectives=objectives,
        outcome_constraints=outcome_constraints,
        sampler=sampler,
        storage=storage,
        name=name,
        seed=seed,
        pruner=pruner,
    )
    study._begin_with(start, warm_start)
    if n_trials is not None:
        budget = replace(budget, n_trials=max(n_trials - evaluated(study), 0), total=n_trials)
    run(study, objective, budget, workers, executor, catch, progress, callbacks)
    return study


def evaluated(study: Study) -> int:
    """Trials that were evaluated and have ended; results added from elsewhere do not count."""
    study.recover()
    return study._journal.fold.n_evaluated
