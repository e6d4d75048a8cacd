"""What a study found, as the commands show it: the best trial or the front, and the recommendation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trimtab.cli._output import clean, number, print_table, say, say_wrapped, seconds, value_text

if TYPE_CHECKING:
    from trimtab.errors import StudyError
    from trimtab.records import Trial
    from trimtab.study import Study

__all__ = [
    "best_json",
    "best_text",
    "nothing_found",
    "params_text",
    "print_best",
    "print_recommendation",
    "recommendation_json",
]


def nothing_found(study: Study) -> StudyError:
    """Why no trial is the best, or on the front."""
    from trimtab.study._front import nothing_found as reason

    return reason(study.name, study._journal.fold)


def best_json(study: Study) -> dict[str, Any] | None:
    """The best trial as JSON, of several objectives the front; None where no trial finished that keeps every limit."""
    front = study.pareto
    if not front:
        return None
    if study.goals.m > 1:
        return {"objectives": study.goals.directions, "front": [_trial_json(t) for t in front]}
    best = study.best
    found = {"number": best.number, "value": best.value, "params": best.params, "seconds": best.seconds}
    return found if study.goals.is_single else {**found, "outcomes": dict(best.outcomes)}


def best_text(study: Study) -> str:
    """The best value, or the size of the front."""
    if study.goals.m > 1:
        return f"front of {len(study.pareto)}"
    return number(study.best.value if study.pareto else None)


def print_best(study: Study) -> None:
    """The best trial with its configuration, a line a hyperparameter; of several objectives the front."""
    if not study.pareto:
        say_wrapped(clean(nothing_found(study)))
    elif study.goals.m > 1:
        _print_front(study)
    else:
        best = study.best
        took = "" if seconds(best.seconds) == "-" else f", took {seconds(best.seconds)}"
        say(f"Best: trial {best.number}, value {number(best.value)} ({study.direction}d{took})", bold=True)
        for limit in study.goals.limits:
            say(f"  keeps {clean(limit)}: {number(best.outcomes[limit.name])}")
        _print_params(best)


def recommendation_json(study: Study) -> dict[str, Any]:
    """The recommendation as JSON; null where nothing is known of an end of its interval."""
    found = study.recommend()
    names = (
        "number",
        "mean",
        "low",
        "high",
        "confidence",
        "probability_best",
        "n_repeats",
        "noise",
        "gain",
        "params",
        "advice",
    )
    shown = ("number", "mean", "low", "high", "probability_best", "n_repeats")
    candidates = [{name: getattr(c, name) for name in shown} for c in found.candidates]
    return {**{name: getattr(found, name) for name in names}, "candidates": candidates}


def print_recommendation(study: Study) -> None:
    """What to use where the objective is noisy: the best by posterior mean, and how sure that is."""
    found = study.recommend()
    known = math.isfinite(found.low)
    interval = f", {found.confidence:.0%} interval {number(found.low)} to {number(found.high)}" if known else ""
    say(f"Recommended: trial {found.number}, on average {number(found.mean)}{interval}", bold=True)
    if found.number == study.best.number:
        say("  the same configuration")
    else:
        _print_params(found.params)
    say_wrapped(found.advice, indent=2)


def params_text(params: Mapping[str, Any]) -> str:
    """A configuration in one line."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in params.items())


def _print_params(params: Mapping[str, Any]) -> None:
    width = max((len(clean(name)) for name in params), default=0)
    for name, value in params.items():
        say(f"  {clean(name):{width}}  {value_text(value)}")


def _print_front(study: Study) -> None:
    """The Pareto front, a line a trial: no other trial is better in one objective without being worse in another."""
    names = study.goals.names  # limited outcomes too
    rows = [[str(t.number), *(number(t.outcomes[name]) for name in names), params_text(t)] for t in study.pareto]
    title = f"Pareto front ({clean(study.goals)})"
    print_table(("trial", *names, "configuration"), rows, right=("trial", *names), title=title)


def _trial_json(trial: Trial) -> dict[str, Any]:
    outcomes = dict(trial.outcomes)
    return {"number": trial.number, "outcomes": outcomes, "params": trial.params, "seconds": trial.seconds}
