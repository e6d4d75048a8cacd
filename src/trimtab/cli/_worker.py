"""`trimtab worker`: join a stored study and evaluate trials of it, as one of any number of workers."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli._options import TakesCommand
from trimtab.cli._output import clean, note, print_json, say_wrapped
from trimtab.cli._view import json_option, state_counts, state_text
from trimtab.errors import InputError, StorageError, TrimtabError

if TYPE_CHECKING:
    from trimtab.cli._settings import Settings
    from trimtab.storage import Storage
    from trimtab.study import Study
    from trimtab.study._stopping import Budget

__all__ = ["worker"]

_LOOK = 0.5  # seconds between two looks for a study that is not there yet


@click.command(cls=TakesCommand)
@click.argument("storage", metavar="STORAGE")
@click.argument("command", metavar="[-- COMMAND ...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--study", "name", metavar="NAME", help="Which study, if the storage holds several.")
@click.option("--function", metavar="MODULE:FUNCTION", help="A Python function of the trial, in place of a command.")
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="Evaluate so many trials at most, then leave.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Start no new trial after that time.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, metavar="N", help="Trials at the same time.  [default: 1]"
)
@click.option(
    "--wait", type=float, default=0.0, metavar="SECONDS", help="Wait so long for the study to appear.  [default: 0]"
)
@click.option(
    "--sampler",
    metavar="NAME",
    help="Needed where the study's sampler has settings of its own.  [default: the study's]",
)
@click.option(
    "--value", default="value", metavar="KEY", help="Key of the result in the command's JSON.  [default: value]"
)
@click.option("--trial-timeout", type=float, metavar="SECONDS", help="So long may one command take.")
@click.option("--result", metavar="PATH", help="File that the command writes its result to, such as runs/{trial}.json.")
@click.option("--shell", is_flag=True, help="COMMAND is one text for the shell.")
@json_option
def worker(
    storage: str,
    command: tuple[str, ...],
    name: str | None,
    function: str | None,
    trials: int | None,
    timeout: float | None,
    workers: int,
    wait: float,
    sampler: str | None,
    value: str,
    trial_timeout: float | None,
    result: str | None,
    shell: bool,
    as_json: bool,
) -> None:
    """Join a stored study: take a trial, evaluate it with COMMAND, tell the result, take the next.

    Any number of workers may join and leave at any time, on any machine that reaches STORAGE: a PostgreSQL database, or on
    one machine a SQLite file. Ctrl-C (or SIGTERM) hands the running trials back at once; the trials of a worker that dies
    are given to others. A worker ends when the study has its number of trials, and nobody else evaluates one of them.

    What to search and how far comes from the study, as `trimtab run` or Python stored it: hyperparameters, goals, sampler,
    number of trials, pruner. What to execute never does: the command or function is the one given here, and it must
    be the same for all workers. Its placeholders, environment and results are those of `trimtab run`.

    \b
    Examples:
      trimtab worker postgresql://me@host/tuning --study digits -- python train.py --lr {lr} --units {units}
      trimtab worker study.db --value loss --trial-timeout 600 -- python train.py --params {params_file}
      trimtab worker study.db --function train:objective --workers 4
    """
    study = _joined(storage, name, wait, sampler)
    settings = _settings(study, command, function, workers, value, trial_timeout, result, shell)
    counted: list[int] = []
    try:
        _work(study, settings, _budget(study, trials, timeout), counted)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    where = f"study {clean(repr(study.name))} in {clean(study.storage.describe())}"
    if as_json:
        print_json(
            {
                "study": study.name,
                "storage": study.storage.describe(),
                "evaluated": len(counted),
                "states": state_counts(study),
                "stopped": study.stopped,
                "interrupted": interrupted,
            }
        )
    else:
        n = f"{len(counted)} trial{'s' * (len(counted) != 1)}"
        say_wrapped(f"This worker evaluated {n} of {where}, which has {state_text(study)}.")
        if study.stopped is not None:
            say_wrapped(f"Stopped: {clean(study.stopped)}.")
    study.close()
    if interrupted:
        note("Interrupted: what ran here is handed back, and others go on with it.")
        raise click.exceptions.Exit(130)


def _joined(target: str, name: str | None, wait: float, sampler: str | None) -> Study:
    """The stored study, once it is there. Its content is checked as it is read: anybody may have written it."""
    from trimtab.study import Study

    deadline = time.monotonic() + wait
    said = False
    while True:
        try:
            storage, found = _found(target, name)
            break
        except (StorageError, InputError) as error:
            if time.monotonic() >= deadline:
                raise
            if not said:
                note(f"Waiting up to {wait:g} seconds: {error}")
            said = True
            time.sleep(_LOOK)
    first = Study.load(storage, found)
    if first._unknown:
        raise InputError(
            f"Study {found!r} has {first._unknown}, which no storage can hold, so this command cannot make its configurations. "
            "Work on it from Python: trimtab.Study.load(storage, space=...).optimize(...)."
        )
    pruner = _plan(first).get("pruner")
    return Study.load(storage, found, sampler=_sampler(first) if sampler is None else sampler, pruner=pruner)


def _found(target: str, name: str | None) -> tuple[Storage, str]:
    """The storage and the name of the study in it. InputError or StorageError where it is not there (yet)."""
    from trimtab.storage import Checked, open_storage

    file = target.removeprefix("sqlite:///")
    if "://" not in file and not os.path.exists(file):
        raise InputError(
            f"There is no file {file!r}. The study must exist: begin it with `trimtab run`, or give --wait SECONDS."
        )
    storage = Checked(open_storage(target, must_exist=True))
    names = storage.names()
    shown = ", ".join(map(repr, names)) or "none"
    if name is None and len(names) == 1:
        name = names[0]
    if name is None and names:
        raise InputError(f"{storage.describe()} holds {len(names)} studies: {shown}. Say which one with --study.")
    if name is None or name not in names:
        which = "no study yet" if name is None else f"no study named {name!r}"
        raise InputError(
            f"{storage.describe()} holds {which} (its studies: {shown}). Begin it, or give --wait SECONDS."
        )
    return storage, name


def _plan(study: Study) -> dict[str, Any]:
    plan = study.settings.get("plan", {})
    return plan if isinstance(plan, dict) else {}


def _sampler(study: Study) -> str:
    """The name of the study's sampler, where it has the settings that the name means."""
    from trimtab.samplers import resolve
    from trimtab.samplers._registry import names

    stored = str(study.settings["sampler"])
    name = stored.partition("(")[0].lower()
    if name in names() and repr(resolve(name)) == stored:
        return name
    raise InputError(
        f"The sampler of study {study.name!r} is {stored[:200]}, which has settings of its own and cannot be made from a text. "
        "Give --sampler NAME; workers may differ in it."
    )


def _settings(
    study: Study,
    command: tuple[str, ...],
    function: str | None,
    workers: int,
    value: str,
    trial_timeout: float | None,
    result: str | None,
    shell: bool,
) -> Settings:
    from trimtab.cli._settings import Settings

    if bool(command) == (function is not None):
        raise InputError(
            "A worker needs what to execute, one of the two: a command after --, as in `trimtab worker STORAGE -- python train.py "
            "--lr {lr}`, or --function MODULE:FUNCTION. It is never taken from the storage."
        )
    if trial_timeout is not None and not trial_timeout > 0:
        raise InputError(f"--trial-timeout must be more than 0 seconds, got {trial_timeout!r}.")
    return Settings(
        space=study.space,
        name=study.name,
        storage=study.storage.describe(),
        workers=workers,
        command=command or None,
        function=function,
        value=value,
        trial_timeout=trial_timeout,
        result=result,
        shell=shell,
        folder=os.getcwd(),
    )


def _budget(study: Study, trials: int | None, timeout: float | None) -> Budget:
    """How much this worker may do: what the study still wants, and no more than it was told. InputError without an end."""
    from trimtab.cli._search import PLAN
    from trimtab.study import evaluated
    from trimtab.study._stopping import Budget

    plan = {key: content for key, content in _plan(study).items() if key in PLAN and key != "pruner"}
    total = plan.pop("n_trials", None)
    try:
        budget = Budget(n_trials=total, timeout=timeout, **plan)
    except (TrimtabError, TypeError) as error:
        raise StorageError(f"The plan that is stored with study {study.name!r} is none: {error}") from None
    left = None if total is None else max(total - evaluated(study), 0)
    most = min((n for n in (left, trials) if n is not None), default=None)
    budget = replace(budget, n_trials=most, total=total)
    if budget.is_open and "Grid(" not in str(study.settings["sampler"]):
        raise InputError(
            f"Nothing would end the work on study {study.name!r}: no number of trials is stored with it (`trimtab run` stores one). "
            "Give --trials or --timeout."
        )
    return budget


def _work(study: Study, settings: Settings, budget: Budget, counted: list[int]) -> None:
    """Evaluate. counted: gets the number of each trial that this worker ended."""
    from trimtab.cli._command import Command
    from trimtab.cli._search import objective_of
    from trimtab.study._loop import run

    objective, executor = objective_of(settings)
    if isinstance(objective, Command):
        objective = replace(objective, goals=study.goals)
    run(
        study,
        objective,
        budget,
        settings.workers,
        executor,
        catch=(Exception,),
        progress=True,
        callbacks=[lambda _, trial: counted.append(trial.number)],
    )
