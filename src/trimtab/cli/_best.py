"""`trimtab best`: the best configuration of a study."""

from __future__ import annotations

import click

from trimtab.cli._output import clean, print_json, say
from trimtab.cli._view import (
    best_json,
    json_option,
    name_option,
    open_study,
    print_best,
    print_recommendation,
    recommendation_json,
    state_text,
)

__all__ = ["best"]


@click.command()
@click.argument("file", metavar="FILE")
@name_option
@json_option
def best(file: str, name: str | None, as_json: bool) -> None:
    """The best configuration found so far, as a table and as a Python dict.

    "Best" is the trial with the best value; "recommended" the configuration that is best on average under a model of all
    trials, which is the one to use where the objective is noisy.

    FILE is the SQLite file that `trimtab demo`, `trimtab run` or storage="..." wrote. The study may still be running.

    \b
    Examples:
      trimtab best study.db
      trimtab best study.db --json
      trimtab best studies.db --name digits
    """
    study = open_study(file, name)
    several = study.goals.m > 1
    if as_json:
        about = {"study": study.name, "direction": study.direction, "n_trials": len(study)}
        found = best_json(study) or {"number": study.best.number}  # raises, and says why there is none
        print_json({**about, **found, **({} if several else {"recommendation": recommendation_json(study)})})
        return
    if several:
        print_best(study)
        return
    best_params = study.best.params  # raises, and says why, where there is none
    print_best(study)
    say()
    print_recommendation(study)
    say()
    say("As Python, the best trial:")
    say(f"  {clean(best_params)}")
    say()
    say(f"Study {clean(repr(study.name))}, {state_text(study)}.")
