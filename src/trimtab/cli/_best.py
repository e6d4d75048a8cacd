"""`trimtab best`: the best configuration of a study."""

from __future__ import annotations

import click

from trimtab.cli._findings import best_json, nothing_found, print_best, print_recommendation, recommendation_json
from trimtab.cli._output import clean, print_json, say
from trimtab.cli._view import json_option, name_option, open_study, state_text

__all__ = ["best"]


@click.command()
@click.argument("file", metavar="FILE")
@name_option
@json_option
def best(file: str, name: str | None, as_json: bool) -> None:
    """The best configuration found so far, as a table and as a Python dict.

    "Best" is the trial with the best value; "recommended" the configuration that is best on average under a model of all
    trials, which is the one to use where the objective is noisy. Trials that break a limit on an outcome are never best.

    With several objectives it lists the Pareto front: the trials that no other beats in every objective. Which of them to
    use is yours to choose.

    FILE is the SQLite file that `trimtab demo`, `trimtab run` or storage="..." wrote. The study may still be running.

    \b
    Examples:
      trimtab best study.db
      trimtab best study.db --json
      trimtab best studies.db --name digits
    """
    study = open_study(file, name)
    if not study.pareto:
        raise nothing_found(study)
    several = study.goals.m > 1
    if as_json:
        found = {"study": study.name, "direction": study.direction, "n_trials": len(study), **(best_json(study) or {})}
        print_json(found if several else {**found, "recommendation": recommendation_json(study)})
        return
    print_best(study)
    say()
    if not several:
        print_recommendation(study)
        say()
        say("As Python, the best trial:")
        say(f"  {clean(study.best.params)}")
        say()
    say(f"Study {clean(repr(study.name))}, {state_text(study)}.")
