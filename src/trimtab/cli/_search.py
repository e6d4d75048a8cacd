"""The search of `trimtab run`: what is evaluated, checked before anything runs, and the study after its trials."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trimtab.cli._output import clean, note
from trimtab.errors import InputError

if TYPE_CHECKING:
    from trimtab.cli._settings import Settings
    from trimtab.study import Study

__all__ = ["PLAN", "objective_of", "search"]

PLAN = (  # settings that workers take from the study, which join it later
    "n_trials", "patience", "target", "max_regret", "retries", "repeats", "understand", "pruner", "deterministic"
)  # fmt: skip


def search(settings: Settings) -> tuple[Study, bool]:
    """The study after its trials, and whether it was interrupted."""
    from trimtab.samplers import resolve
    from trimtab.study import Study, evaluated, maximize, minimize

    objective, executor = objective_of(settings)
    ends = (settings.n_trials, settings.timeout, settings.patience, settings.target, settings.max_regret)
    if all(end is None for end in ends) and settings.sampler != "grid":
        raise InputError(
            "Nothing would end this study. Set n_trials, timeout, patience, target or max_regret in [study], "
            "or give --trials."
        )
    sampler = resolve(settings.sampler)
    study = Study(
        settings.space,
        direction=settings.direction,
        objectives=settings.objectives,
        outcome_constraints=settings.outcome_constraints,
        sampler=sampler,
        storage=settings.storage,
        name=settings.name,
        seed=settings.seed,
        pruner=settings.pruner,
    )
    missing = [path for path in settings.warm_start if "://" not in path and not os.path.exists(path)]
    if missing and not len(study):  # a study that has begun needs them no more
        raise InputError(f"[study] warm_start: there is no file {missing[0]!r}. Name the file of an earlier study.")
    if settings.command is not None:
        objective = replace(objective, goals=study.goals)  # a stored study knows its own, if the file names none
    _note_begin(study, settings, evaluated(study))
    study._journal.plan({name: getattr(settings, name) for name in PLAN})  # numbers and names, never a command
    begin = maximize if settings.direction == "maximize" else minimize
    try:
        study = begin(  # the total of all processes that run this study at the same time
            objective,
            settings.space,
            settings.n_trials,
            objectives=settings.objectives,
            outcome_constraints=settings.outcome_constraints,
            sampler=sampler,
            storage=study.storage,
            name=study.name,
            seed=study.seed,
            timeout=settings.timeout,
            workers=settings.workers,
            executor=executor,
            patience=settings.patience,
            target=settings.target,
            max_regret=settings.max_regret,
            retries=settings.retries,
            repeats=settings.repeats,
            understand=settings.understand,
            pruner=settings.pruner,
            deterministic=settings.deterministic,
            start=settings.start,
            warm_start=list(settings.warm_start),
        )
    except KeyboardInterrupt:
        return study, True
    return study, False


def _note_begin(study: Study, settings: Settings, done: int) -> None:
    """Says on standard error that a study goes on, if it does."""
    if done:
        left = None if settings.n_trials is None else max(settings.n_trials - done, 0)
        end = "" if left is None else f"; {left} to go" if left else "; nothing to do (--trials asks for more)"
        note(f"Study {clean(repr(study.name))} in {clean(study.storage.describe())} goes on after {done} trials{end}.")


def objective_of(settings: Settings) -> tuple[Any, Any]:
    """What is evaluated, checked before anything runs, and where (None: as the study decides)."""
    if settings.command is not None:
        from trimtab.cli._command import Command
        from trimtab.cli._threads import Threads

        _check_command(settings.command, settings)
        command = Command(
            settings.command, settings.value, settings.trial_timeout, shell=settings.shell, result=settings.result
        )
        return command, Threads(settings.workers)
    if settings.function is None:
        raise InputError(
            "There is nothing to run. Put the command after --, as in `trimtab run study.toml -- python "
            "train.py --lr {lr}`, "
            'or set command or function = "module:function" in [objective].'
        )
    from trimtab.cli._function import Function

    objective = Function(settings.function, (os.getcwd(), settings.folder))
    objective.load()
    return objective, None


def _check_command(command: Sequence[str], settings: Settings) -> None:
    """InputError for an unknown placeholder or a missing program; a remark where hyperparameters do not appear."""
    from trimtab.cli._shell import check_shell
    from trimtab.cli._template import check_template, placeholders

    if sys.platform == "win32":
        raise InputError(
            "Programs are run on POSIX systems only (Linux, macOS, WSL): their process groups are what stops them surely. Use "
            "function = 'module:function'."
        )
    names = list(dict.fromkeys([*settings.space.parameters]))
    used = check_template(command, names)
    program = command[0]
    if settings.shell:
        if len(command) > 1:
            raise InputError(
                f"The settings say shell = true, which needs the command as one text, got {len(command)} words. Quote it as a whole."
            )
        check_shell(program)
    elif not placeholders(program) and shutil.which(program) is None:
        raise InputError(
            f"The program {program!r} of the command is not found, or is not executable. Check its spelling and PATH."
        )
    if settings.result is not None:
        _check_result(settings.result, names, settings.workers)
    absent = [name for name in names if name not in used]
    if used & set(names) and absent:
        note(
            f"Remark: the command does not use {', '.join(map(clean, absent))}; the program finds these in "
            f"TRIMTAB_PARAMS only."
        )


def _check_result(path: str, names: Sequence[str], workers: int) -> None:
    """InputError for an unknown placeholder, and for one file that several programs would write."""
    from trimtab.cli._template import check_template

    if not check_template([path], names) and workers > 1:
        raise InputError(
            f"[objective] result = {path!r} is one file for {workers} programs at the same time. Put {{trial}} into its name, or use "
            "{result_file} in the command."
        )
