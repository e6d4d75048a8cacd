"""`trimtab show`: how a study stands."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli._activity import Activity
from trimtab.cli._findings import best_json, best_text, params_text, print_best
from trimtab.cli._live import WORKER_COLUMNS, watch, worker_rows
from trimtab.cli._output import clean, number, print_json, print_table, say, say_wrapped, seconds
from trimtab.cli._view import (
    failures,
    goals_text,
    json_option,
    name_option,
    open_file,
    open_study,
    print_failures,
    sampler_text,
    state_counts,
    state_text,
)

if TYPE_CHECKING:
    from trimtab.records import Trial
    from trimtab.storage import Storage
    from trimtab.study import Study

__all__ = ["show"]


@click.command()
@click.argument("file", metavar="FILE")
@name_option
@click.option(
    "--last",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="How many recent trials to list.",
)
@click.option("--live", is_flag=True, help="Draw it again and again, until Ctrl-C. On a pipe: once.")
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="How often, with --live.",
)
@json_option
def show(file: str, name: str | None, last: int, live: bool, every: float, as_json: bool) -> None:
    """How a study stands: trials by state, the best one, who works on it, the recent trials, failures grouped by reason.

    With several objectives the best ones are the Pareto front: the trials that no other beats in every objective.

    FILE is the SQLite file that `trimtab demo`, `trimtab run` or storage="..." wrote, or the URL of a PostgreSQL database.
    The study may still be running.
    A file with several studies lists them; --name then picks one.

    \b
    Examples:
      trimtab show study.db
      trimtab show study.db --last 50
      trimtab show postgresql://me@host/tuning --name digits --live
      trimtab show studies.db --name digits --json
    """
    storage = open_file(file)
    if name is None and len(storage.names()) > 1:
        _show_studies(storage, as_json)
        return
    study = open_study(file, name)
    if as_json:
        print_json(_document(study, last))
        return
    if live and sys.stdout.isatty():
        with contextlib.suppress(KeyboardInterrupt):
            watch(study, every, last)
        return
    settings = study.settings
    say(f"Study {clean(repr(study.name))} in {clean(storage.describe())}: {state_text(study)}", bold=True)
    say(f"  {goals_text(study)}; seed {settings['seed']}, trimtab {clean(settings['trimtab'])}")
    say_wrapped(f"sampler {clean(sampler_text(study))}", indent=2)
    say_wrapped(clean(study.space), indent=2)
    trials = study.trials
    say()
    if any(t.state == "finished" for t in trials):
        print_best(study)
    else:
        say("No trial has finished yet.")
    workers = worker_rows(Activity(study).workers)
    if workers:
        say()
        print_table(WORKER_COLUMNS, workers, title=f"{len(workers)} worker{'s' * (len(workers) != 1)}")
    if trials and last:
        say()
        _print_trials(study, trials[-last:], "Recent trials" if last < len(trials) else "Trials")
    if failures(trials):
        say()
        print_failures(trials)


def _print_trials(study: Study, trials: Sequence[Trial], title: str) -> None:
    """A line a trial, with a column for each objective and each outcome that a limit bounds."""
    numbers, feasible = study.goals.names, study.table.feasible
    rows = []
    for t in trials:
        state = "breaks a limit" if t.state == "finished" and not feasible[t.number] else t.state
        shown = [number(t.outcomes.get(name)) for name in numbers]
        rows.append([str(t.number), state, *shown, seconds(t.seconds), params_text(t)])
    columns = ("trial", "state", *numbers, "time", "configuration")
    print_table(columns, rows, right=("trial", *numbers, "time"), title=title)


def _document(study: Study, last: int) -> dict[str, Any]:
    trials = study.trials
    settings = study.settings
    activity = Activity(study)
    return {
        "study": study.name,
        "direction": study.direction,
        **_named(study),
        "sampler": settings["sampler"],
        "sampler_choice": sampler_text(study),
        "seed": settings["seed"],
        "trimtab": settings["trimtab"],
        "n_trials": len(trials),
        "states": state_counts(study),
        "rate": activity.rate,
        "workers": [asdict(worker) for worker in activity.workers],
        "best": best_json(study) if any(t.state == "finished" for t in trials) else None,
        "recent": [
            {
                "number": t.number,
                "state": t.state,
                "value": t.value,
                "outcomes": dict(t.outcomes),
                "gradient": dict(t.gradient),
                "seconds": t.seconds,
                "params": t.params,
                "error": t.error,
            }
            for t in (trials[-last:] if last else [])
        ],
        "failures": [
            {"reason": f.reason, "count": len(f.numbers), "trials": f.numbers, "example": f.example}
            for f in failures(trials)
        ],
    }


def _named(study: Study) -> dict[str, Any]:
    """Objectives and limits, where the study names any."""
    return {k: v for k, v in study.goals.to_settings().items() if k != "direction"}


def _show_studies(storage: Storage, as_json: bool) -> None:
    """All studies of a file, a line each."""
    from trimtab.study import Study

    studies = [Study.load(storage, name) for name in storage.names()]
    if as_json:
        print_json(
            {
                "studies": [
                    {
                        "study": s.name,
                        "direction": s.direction,
                        **_named(s),
                        "n_trials": len(s),
                        "states": state_counts(s),
                        "best_value": s.best.value if s.goals.m == 1 and s.pareto else None,
                    }
                    for s in studies
                ]
            }
        )
        return
    rows = [[s.name, goals_text(s), state_text(s), best_text(s)] for s in studies]
    print_table(
        ("study", "goal", "trials", "best value"),
        rows,
        right=("best value",),
        title=f"{len(studies)} studies in {clean(storage.describe())}",
    )
    say()
    say(f"One of them: trimtab show {clean(storage.describe())} --name {clean(studies[0].name)}")
