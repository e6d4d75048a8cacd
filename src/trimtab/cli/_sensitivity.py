"""`trimtab sensitivity`: which hyperparameters matter, and how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from trimtab.cli._output import print_json, print_result, say
from trimtab.cli._view import json_option, name_option, open_study
from trimtab.errors import InputError

if TYPE_CHECKING:
    from trimtab.records import TrialTable
    from trimtab.sensitivity import Result

__all__ = ["sensitivity"]

_PAIRS = 5  # interactions that are listed below the table


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--kind",
    default="global",
    show_default=True,
    type=click.Choice(["global", "gradient", "one-at-a-time", "failures"]),
    help="Which question to ask; see above.",
)
@click.option(
    "--scale",
    default="auto",
    show_default=True,
    metavar="SCALE",
    help="Scale of the objective: raw, log, rank, or auto (chosen from the trials).",
)
@click.option(
    "--scope",
    default="space",
    show_default=True,
    metavar="SCOPE",
    help="global only: the whole space, good: what decides among good configurations, or local: around the best trial.",
)
@click.option(
    "--confidence",
    default=0.9,
    show_default=True,
    type=float,
    metavar="SHARE",
    help="Of the intervals: 0.9 means that 9 of 10 hold the truth.",
)
@click.option(
    "--objective",
    metavar="OUTCOME",
    help="Which objective, or limited outcome, of a study that has several.",
)
@name_option
@json_option
def sensitivity(
    file: str,
    kind: str,
    scale: str,
    scope: str,
    confidence: float,
    objective: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Which hyperparameters matter, and how sure that is: computed from the trials of a study, without new ones.

    \b
    --kind global         What share of the objective's variance does each
                          one explain alone (main), and alone or together
                          with others (total)? The first thing to ask.
    --kind gradient       Which way does the objective go as a numeric one
                          grows, at the best configuration and on average?
    --kind one-at-a-time  From the best configuration: how far may each one
                          move before the objective gets worse?
    --kind failures       Which ones decide whether a trial fails?

    Each number has an interval, each hyperparameter a verdict with its reason: "matters", "cannot be told from a dead
    knob" (it may have no effect at all) or "too little data".

    \b
    Examples:
      trimtab sensitivity study.db
      trimtab sensitivity study.db --kind one-at-a-time
      trimtab sensitivity study.db --scope local --confidence 0.95 --json
    """
    if kind != "global" and scope != "space":
        raise InputError(f"--scope {scope} is for --kind global only. Leave it out with --kind {kind}.")
    study = open_study(file, name)
    goals = study.goals
    if objective is None and goals.m > 1:
        raise InputError(f"The study has {goals.m} objectives. Say which: --objective {goals.objectives[0]}.")
    table = study.table if objective is None else study.table.of_outcome(objective)
    result = _analysis(table, kind, scale, scope, confidence)
    if as_json:
        print_json({"study": study.name, "kind": kind, "rows": result.rows(), "result": result.to_dict()})
        return
    print_result(result)
    pairs: Any = getattr(result, "interactions", None)
    if pairs is not None and any(math.isfinite(row["share"]) for row in pairs.rows()):
        _print_pairs(pairs)


def _analysis(table: TrialTable, kind: str, scale: str, scope: str, confidence: float) -> Result:
    from trimtab import sensitivity as analyses

    if kind == "gradient":
        return analyses.gradient(table, scale=scale, confidence=confidence)
    if kind == "failures":
        return analyses.failures(table, confidence=confidence)
    if kind == "one-at-a-time":
        return analyses.one_at_a_time(table, scale=scale, confidence=confidence)
    return analyses.sobol(table, scale=scale, scope=scope, confidence=confidence)


def _print_pairs(pairs: Any) -> None:
    from trimtab.cli._output import print_table

    rows = [list(row.values()) for row in pairs.shown()]
    say()
    print_table(pairs.columns()[:3], rows[:_PAIRS], title=pairs.title())
    if len(rows) > _PAIRS:
        say(f"  The largest {_PAIRS} of {len(rows)} pairs; --json has them all.")
