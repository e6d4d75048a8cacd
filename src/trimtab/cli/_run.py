"""`trimtab run`: tune a program or a function, as a settings file says."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli._findings import best_json, print_best
from trimtab.cli._options import TakesCommand
from trimtab.cli._output import clean, note, print_json, say, say_wrapped
from trimtab.cli._view import (
    failures,
    interrupted_text,
    json_option,
    print_failures,
    sampler_text,
    state_counts,
    state_text,
)
from trimtab.errors import StudyError

if TYPE_CHECKING:
    from trimtab.cli._settings import Settings
    from trimtab.study import Study

__all__ = ["run"]


@click.command(cls=TakesCommand)
@click.argument("settings_file", metavar="STUDY.toml")
@click.argument("command", metavar="[-- COMMAND ...]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Trials that the study shall have in the end. Overrides [study] n_trials.",
)
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="Start no new trial after that time. Overrides [study] timeout."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Trials at the same time. Overrides [study] workers.  [default: 1]",
)
@click.option(
    "--sampler",
    metavar="NAME",
    help="auto, gp, tpe, cmaes, sobol, random or grid; cmaes takes one objective, gp three at most. Overrides [study] "
    "sampler.  [default: auto]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="The same seed gives the same search. Overrides [study] seed.",
)
@click.option(
    "--storage",
    metavar="STORAGE",
    help="SQLite file of the study, or postgresql://user:password@host/database. Overrides [study] storage.  "
    "[default: STUDY.db]",
)
@json_option
def run(
    settings_file: str,
    command: tuple[str, ...],
    trials: int | None,
    timeout: float | None,
    workers: int | None,
    sampler: str | None,
    seed: int | None,
    storage: str | None,
    as_json: bool,
) -> None:
    """Tune your own program: start it once a trial with other hyperparameters, and read the result that it prints.

    \b
    STUDY.toml (or .yaml), complete:
      [study]
      n_trials = 30              # when to stop; one of these five is enough
      timeout = 3600             # seconds
      patience = 20              # so many trials without a better one
      target = 0.01              # a value as good as that
      max_regret = 0.001         # when hardly more than that can be gained
      direction = "minimize"     # or "maximize"; several objectives: see below
      sampler = "auto"           # also name, seed, storage, workers, retries
      pruner = "median"          # or "asha": end unpromising trials early
    \b
      [space]
      lr         = {type="float", low=1e-4, high=1e-1, log=true}
      units      = {type="int", low=16, high=256, step=16}
      activation = ["relu", "tanh"]
      solver     = ["adam", "sgd"]
      momentum   = {type="float", low=0.5, high=0.99, when={solver="sgd"}}
      constraints = ["units <= 128 or lr > 1e-3"]
    \b
      [objective]
      command = ["python", "train.py", "--lr", "{lr}", "--units", "{units}"]
      value = "loss"             # key of the result; "value" if left out
      timeout = 600              # seconds for one trial

    The program gets its hyperparameters where {name} stands; all of them as JSON in the file {params_file} and in the
    environment variable TRIMTAB_PARAMS; and lr alone in TRIMTAB_PARAM_LR.
    Where {momentum} does not apply, its argument is left out, together with an option before it (--momentum
    {momentum}).
    {trial} is the number of the trial, {seed} a seed for the program's own randomness; TRIMTAB_TRIAL and TRIMTAB_SEED
    are the same as environment variables. No shell takes part; for braces write {{ and }}. For pipes and the like set
    shell = true in [objective] and write the command as one text: each value is quoted, so write {name} without quotes.

    The result is the last line of standard output that is a number, or JSON such as {"loss": 0.25}. Or it is in the file
    {result_file} (TRIMTAB_RESULT_FILE), or in the one that result = "runs/{trial}.json" in [objective] names. Another exit
    code than 0, a signal, too much time or no result: the trial has failed, the end of what the program printed is kept,
    and the search goes on.

    While it runs, a line with a "step" is a report: {"step": 3, "loss": 0.4} on standard output is the loss after step 3,
    and the study may end the program early. If no line without a step is a result, the last report is the result.
    {"gradient": {"lr": 0.3}} are derivatives of the loss by hyperparameters.

    When the program ends or is stopped, everything that it started ends too.

    \b
    More for [study], each as in the Python library:
      objectives = {error="minimize", latency="minimize"}  # find the trade-off
      outcome_constraints = ["memory <= 8"]  # limits that a result must keep
      repeats = 5           # noisy: what may be best is run up to 5 times
      understand = 0.2      # share of the trials that tell what matters
      deterministic = true  # one seed, one study: any number of workers
      start = [{lr=1e-3, units=64, ...}]     # run these before all others
      warm_start = "earlier.db"  # and then the 3 best of an earlier study

    With objectives or limits the result is the last JSON object that has a number for each of their names, such as
    {"error": 0.25, "latency": 3.1, "memory": 7}. With limits alone the objective is "value", or [objective] value.
    Several objectives end in a Pareto front: the trials that no other beats in every objective. target and max_regret
    need one objective.

    Instead of a command, function = "module:function" names a Python function of the trial that returns the result.

    The study is kept in STUDY.db. Interrupt it with Ctrl-C when you like: the same command goes on. Others can help at any
    time, and with storage = "postgresql://user:password@host/database" on any machine: trimtab worker.

    \b
    Examples:
      trimtab run study.toml
      trimtab run study.toml -- python train.py --lr {lr} --units {units}
      trimtab run study.toml --trials 100 --workers 2
    """
    from trimtab.cli._search import search
    from trimtab.cli._settings import read_settings

    given: dict[str, Any] = {
        "n_trials": trials,
        "timeout": timeout,
        "workers": workers,
        "sampler": sampler,
        "seed": seed,
        "storage": storage,
    }
    settings = replace(read_settings(Path(settings_file)), **{k: v for k, v in given.items() if v is not None})
    if command:
        settings = replace(settings, command=command, function=None)
    study, interrupted = search(settings)
    if as_json:
        print_json(_document(study, settings, interrupted))
    else:
        _print_end(study, settings)
    if interrupted:
        note(interrupted_text(study))
        raise click.exceptions.Exit(130)
    if not study.table.finished.n:
        raise StudyError(_all_failed(study))


def _print_end(study: Study, settings: Settings) -> None:
    trials = study.trials
    say_wrapped(f"Study {clean(repr(study.name))} in {clean(study.storage.describe())}: {state_text(study)}.")
    if study.stopped is not None:
        say_wrapped(f"Stopped: {clean(study.stopped)}.")
    say_wrapped(f"Sampler: {clean(sampler_text(study))}.")
    if settings.understand:
        say_wrapped(f"Understanding: {clean(study.understanding)}.")
    if any(t.state == "finished" for t in trials):
        print_best(study)
    if failures(trials):
        print_failures(trials, most=3)
    if any(t.state == "finished" for t in trials):
        file, name = (
            clean(study.storage.describe()),
            f" --name {clean(study.name)}" if len(study.storage.names()) > 1 else "",
        )
        say()
        say("Go on with:")
        file = f"{file}{name}"
        commands = {f"trimtab sensitivity {file}": "which hyperparameters matter"}
        if study.goals.m > 1:  # it looks at one number
            first = clean(study.goals.objectives[0])
            commands = {f"trimtab sensitivity {file} --objective {shlex.quote(first)}": f"which matter for {first}"}
        elif study.pareto:
            commands = {f"trimtab best {file}": "which one to use if results are noisy", **commands}
        commands[f"trimtab report {file}"] = "all of it as one HTML file"
        width = max(map(len, commands))
        for command, what in commands.items():
            say(f"  {command:{width}}    {what}")


def _document(study: Study, settings: Settings, interrupted: bool) -> dict[str, Any]:
    return {
        "study": study.name,
        "storage": study.storage.describe(),
        "direction": study.direction,
        "seed": study.seed,
        "n_trials": len(study),
        "states": state_counts(study),
        "interrupted": interrupted,
        "stopped": study.stopped,
        "sampler": sampler_text(study),
        "understanding": study.understanding if settings.understand else None,
        "best": best_json(study) if study.table.finished.n else None,
        "failures": [
            {"reason": f.reason, "count": len(f.numbers), "trials": f.numbers} for f in failures(study.trials)
        ],
    }


def _all_failed(study: Study) -> str:
    groups = failures(study.trials)
    if not groups:
        return "No trial has finished."
    n = sum(len(g.numbers) for g in groups)
    return f"No trial has finished: all {n} failed. The most frequent error:\n{groups[0].example.strip()[-1500:]}"
