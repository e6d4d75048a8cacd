"""`trimtab sensitivity`: which hyperparameters matter, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from trimtab.cli._output import print_json, print_result, print_table, say
from trimtab.cli._view import analysed_table, json_option, name_option, objective_option, open_study
from trimtab.errors import InputError

__all__ = ["sensitivity"]

_PAIRS = 5  # interactions that are listed below the table


class _Kind(NamedTuple):
    """A question. function: of trimtab.sensitivity; options: of this command that it understands; question: for --help."""

    function: str
    options: tuple[str, ...]
    question: str


_KINDS = {  # in the order of --help: what is asked first stands first
    "global": _Kind(
        "sobol", ("scale", "scope", "confidence"),
        "What share of the differences does each one cause over the whole space, alone (main) and also with others (total)?",
    ),
    "robustness": _Kind(
        "robustness", ("scale", "epsilon", "confidence"),
        "How exactly must the best configuration be set, what is the worst nearby, and what would a more robust one cost?",
    ),
    "effects": _Kind(
        "effects", ("scale", "confidence"),
        "Where in its range is each one good, averaged over all others?",
    ),
    "one-at-a-time": _Kind(
        "one_at_a_time", ("scale", "epsilon", "confidence"),
        "From the best configuration: how far may each one move before the objective gets worse?",
    ),
    "gradient": _Kind(
        "gradient", ("scale", "confidence"),
        "Which way does the objective go as a numeric one grows, at the best configuration and on average?",
    ),
    "agreement": _Kind(
        "agreement", ("scale", "confidence"),
        "Do global, one-at-a-time and gradient tell the same of each one, and if not, why?",
    ),
    "ablation": _Kind(
        "ablation", ("scale", "confidence"),
        "Which changes lead from a middling start to the best configuration, and what does each gain?",
    ),
    "shapley": _Kind(
        "shapley", ("game", "scale", "confidence"),
        "What does each one earn, if what they do together is shared out evenly? --game says what is earned.",
    ),
    "fanova": _Kind(
        "fanova", ("scale", "confidence"),
        "As global, from a forest: for jumps, and for hundreds of trials or more.",
    ),
    "ped-anova": _Kind(
        "ped_anova", ("confidence",),
        "Which ones decide whether a trial is among the best 10 %?",
    ),
    "first-order": _Kind(
        "rank_first_order", ("scale", "confidence"),
        "What does each one cause alone, with no model assumed? For about 100 random trials or more.",
    ),
    "dgsm": _Kind(
        "dgsm", ("scale", "confidence"),
        "How much could each one cause at most, by its slopes? A small bound: it can be frozen.",
    ),
    "failures": _Kind(
        "failures", ("scope", "confidence"),
        "Which ones decide whether a trial fails? From about 20 failures on.",
    ),
}  # fmt: skip
_COLUMN, _WIDTH = 15, 76  # of the questions in --help


def _questions() -> str:
    """The kinds and their questions, as a block that click does not wrap again."""
    lines = []
    for name, kind in _KINDS.items():
        wrapped = click.wrap_text(kind.question, _WIDTH - _COLUMN).splitlines()
        lines += [f"{name if k == 0 else '':<{_COLUMN}}{line}" for k, line in enumerate(wrapped)]
    return "\n".join(lines)


_HELP = f"""\
Which hyperparameters matter, and how sure that is: computed from the trials of a study, without new ones.

Each --kind answers one question:

\b
{_questions()}

Each number has an interval, each hyperparameter a verdict with its reason: "matters", "cannot be told from a dead knob"
(it may have no effect at all) or "too little data". What to do about it: trimtab advice.

\b
Examples:
  trimtab sensitivity study.db
  trimtab sensitivity study.db --kind robustness
  trimtab sensitivity study.db --scope local --confidence 0.95 --json
"""


@click.command(help=_HELP)
@click.argument("file", metavar="FILE")
@click.option(
    "--kind",
    default="global",
    show_default=True,
    type=click.Choice(list(_KINDS)),
    metavar="KIND",
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
    help="global, failures: the whole space, good: what decides among good configurations, or local: around the best trial.",
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
    "--epsilon",
    show_default="the seed noise",
    type=float,
    metavar="LOSS",
    help="How much worse the objective may get, in its own units.",
)
@click.option(
    "--game",
    default="variance",
    show_default=True,
    type=click.Choice(["variance", "tunability", "ablation"]),
    metavar="GAME",
    help="shapley: variance of the objective, tunability (gain of tuning) or ablation (gain of the best configuration).",
)
@objective_option
@name_option
@json_option
def sensitivity(
    file: str, kind: str, objective: str | None, name: str | None, as_json: bool, **options: str | float | None
) -> None:
    source = click.get_current_context().get_parameter_source
    given = {option: value for option, value in options.items() if source(option) is not ParameterSource.DEFAULT}
    _check(kind, given)
    study = open_study(file, name)
    table = analysed_table(study, objective)
    from trimtab import sensitivity as analyses

    result = getattr(analyses, _KINDS[kind].function)(table, **given)
    if as_json:
        print_json({"study": study.name, "kind": kind, "rows": result.rows(), "result": result.to_dict()})
        return
    print_result(result)
    for part in ("switches", "places"):
        _print_part(result, part)
    _print_pairs(result)


def _check(kind: str, given: Mapping[str, object]) -> None:
    """InputError for an option that this kind does not understand."""
    for option in given:
        if option not in _KINDS[kind].options:
            others = ", ".join(name for name, other in _KINDS.items() if option in other.options)
            raise InputError(f"--kind {kind} has no --{option}. Leave it out; these have it: {others}.")


def _print_part(result: Any, part: str) -> None:
    """A further table of a robustness result."""
    found = getattr(result, part, None)
    if found is not None and found.rows():
        say()
        print_result(found)


def _print_pairs(result: Any) -> None:
    """The largest interactions, where the analysis tells any."""
    pairs = getattr(result, "interactions", None)
    if pairs is None:
        return
    told = [row for row, raw in zip(pairs.shown(), pairs.rows(), strict=True) if _told(raw)]
    if not told:
        return
    say()
    print_table(list(told[0]), [list(row.values()) for row in told[:_PAIRS]], title=pairs.title())
    if len(told) > _PAIRS:
        say(f"  The largest {_PAIRS} of {len(told)} pairs; --json has them all.")


def _told(row: Mapping[str, object]) -> bool:
    return all(not isinstance(value, float) or math.isfinite(value) for value in row.values())
