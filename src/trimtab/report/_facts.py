"""What a report needs to know about a study, gathered once: trials, best, analyses (or why none), how it was made."""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import PurePath
from typing import Any, Protocol, TypeVar

import numpy as np

from trimtab._version import __version__
from trimtab.errors import TrimtabError
from trimtab.records import STATES, Created, Curve, Event, Finished, Trial, TrialTable
from trimtab.sensitivity import (
    Advice,
    Agreement,
    Effects,
    Gradient,
    OneAtATime,
    Robustness,
    Sensitivity,
    advice,
    agreement,
    effects,
    gradient,
    one_at_a_time,
    robustness,
    sobol,
)
from trimtab.space import Categorical, Constant, Distribution, Float, Int, Parameter, Space

__all__ = ["Facts", "FailureGroup", "Missing", "Reported", "Store", "facts_of", "failure_groups"]

T = TypeVar("T")


class Store(Protocol):
    """The part of a storage that a report reads."""

    def read(self, study: str, since: int = 0) -> tuple[list[Event], int]: ...
    def describe(self) -> str: ...


class Recommended(Protocol):
    """The part of a recommendation that a report shows (`study.Recommendation`)."""

    @property
    def number(self) -> int: ...
    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def confidence(self) -> float: ...
    @property
    def probability_best(self) -> float: ...
    @property
    def advice(self) -> str: ...


class Reported(Protocol):
    """The part of a study that a report reads."""

    @property
    def name(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def seed(self) -> int: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def sampler_choice(self) -> str: ...
    @property
    def table(self) -> TrialTable: ...
    @property
    def trials(self) -> Sequence[Trial]: ...
    @property
    def curves(self) -> list[Curve]: ...
    @property
    def best(self) -> Trial: ...
    @property
    def storage(self) -> Store: ...
    def recommend(self) -> Recommended: ...


@dataclass(frozen=True)
class Missing:
    """An analysis that could not be made, and why."""

    why: str


@dataclass(frozen=True)
class FailureGroup:
    """Failed trials with the same reason. reason: the last line of the traceback; traceback: of the first of them."""

    reason: str
    numbers: tuple[int, ...]
    traceback: str


@dataclass(frozen=True, eq=False)
class Facts:
    """Everything that the page shows. counts: trials by state; made: (what, value) rows of how the study was made.

    best: of one objective, keeping every limit. front: of several objectives. analysed: the table of the one objective
    that the analyses look at. one_at_a_time, gradient and agreement look around the same configuration as robustness.
    """

    name: str
    direction: str
    table: TrialTable
    best: Trial | None
    counts: dict[str, int]
    failures: tuple[FailureGroup, ...]
    advice: Advice | Missing
    sensitivity: Sensitivity | Missing
    effects: Effects | Missing
    robustness: Robustness | Missing
    one_at_a_time: OneAtATime | Missing
    gradient: Gradient | Missing
    agreement: Agreement | Missing
    evaluation_seconds: float
    wall_seconds: float
    made: tuple[tuple[str, str], ...]
    space: tuple[tuple[str, str], ...]
    constraints: tuple[str, ...]
    analysed: TrialTable
    front: tuple[Trial, ...] = ()
    recommended: Recommended | None = None
    curves: list[Curve] = field(default_factory=list)


def facts_of(study: Reported, now: datetime) -> Facts:
    """Read the study once and analyse it. now: the date that the report shows."""
    table = study.table
    trials = list(study.trials)[: table.n]
    several = table.goals.m > 1
    best = None if several or table.best is None else trials[table.best]
    analysed = table.of_outcome(table.goals.objectives[0]) if several else table
    counts = {name: int(np.sum(table.state == code)) for code, name in enumerate(STATES)}
    seconds = table.seconds[np.isfinite(table.seconds)]
    robust = _attempt(robustness, analysed)
    here = robust.best if isinstance(robust, Robustness) and robust.local.curves else None
    return Facts(
        name=study.name,
        direction=table.direction,
        table=table,
        best=best,
        counts={name: count for name, count in counts.items() if count},
        failures=failure_groups(trials),
        sensitivity=_attempt(sobol, analysed),
        advice=_attempt(advice, analysed),
        effects=_attempt(effects, analysed, pairs=1),
        robustness=robust,
        one_at_a_time=robust.local if isinstance(robust, Robustness) else _attempt(one_at_a_time, analysed),
        gradient=_attempt(gradient, analysed, at=here),
        agreement=_attempt(agreement, analysed, at=here),
        evaluation_seconds=float(seconds.sum()) if len(seconds) else math.nan,
        wall_seconds=_wall_seconds(study),
        made=_made(study, now),
        space=_space(study.space),
        constraints=tuple(c.text for c in study.space.constraints),
        analysed=analysed,
        front=tuple(trials[row] for row in table.front) if several else (),
        recommended=None if best is None else _recommended(study),
        curves=[curve for curve in study.curves if curve.number < table.n],
    )


def _recommended(study: Reported) -> Recommended | None:
    try:
        return study.recommend()
    except (TrimtabError, ArithmeticError, np.linalg.LinAlgError):
        return None  # the best trial is shown either way


def failure_groups(trials: Sequence[Trial]) -> tuple[FailureGroup, ...]:
    """Failed trials by reason, the most frequent first. Numbers within a reason do not make a difference."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state == "failed":
            groups.setdefault(re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?", "#", _reason(trial)), []).append(trial)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return tuple(FailureGroup(_reason(g[0]), tuple(t.number for t in g), g[0].error or "") for g in ordered)


def _reason(trial: Trial) -> str:
    lines = [line for line in (trial.error or "").splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if not line.startswith((" ", "\t"))), lines[-1] if lines else "")
    return last.strip()[:300] or "no reason was recorded"


def _attempt(analysis: Callable[..., T], table: TrialTable, **arguments: object) -> T | Missing:
    """The analysis, or why there is none: a report of the other parts is worth more than no report."""
    try:
        return analysis(table, **arguments)
    except (TrimtabError, ArithmeticError, np.linalg.LinAlgError) as error:
        return Missing(str(error))


def _wall_seconds(study: Reported) -> float:
    """From the first trial's creation to the last result, pauses included; NaN where the storage does not say."""
    try:
        events, _ = study.storage.read(study.name)
    except TrimtabError:
        return math.nan
    begun = [e.at for e in events if isinstance(e, Created)]
    ended = [e.at for e in events if isinstance(e, Finished)]
    return max(ended) - min(begun) if begun and ended else math.nan


def _made(study: Reported, now: datetime) -> tuple[tuple[str, str], ...]:
    settings = study.settings
    return (
        ("sampler", _sampler(study, str(settings.get("sampler", "unknown")))),
        ("seed", str(study.seed)),
        ("storage", PurePath(study.storage.describe()).name or "memory"),
        ("written on", now.strftime("%Y-%m-%d %H:%M %Z").strip()),
        ("trimtab", _versions(__version__, str(settings.get("trimtab", "")))),
        ("Python", platform.python_version()),
        ("NumPy", np.__version__),
        ("SciPy", metadata.version("scipy")),
        ("plotly", metadata.version("plotly")),
        ("system", f"{platform.system()} {platform.machine()}"),
    )


def _sampler(study: Reported, stored: str) -> str:
    return f"auto, now {study.sampler_choice}" if stored.startswith("Auto(") else stored


def _versions(here: str, stored: str) -> str:
    return f"{here} (trials made with {stored})" if stored and stored != here else here


def _space(space: Space) -> tuple[tuple[str, str], ...]:
    """Name and words for every parameter that a configuration shows."""
    hidden = {p["name"] for p in space.to_dict()["parameters"] if p.get("hidden")}
    return tuple((name, _words(p)) for name, p in space.parameters.items() if name not in hidden)


def _words(parameter: Parameter) -> str:
    match parameter:
        case Float() | Int():
            kind = "real" if isinstance(parameter, Float) else "whole"
            words = f"{kind} number from {parameter.low:g} to {parameter.high:g}"
            words += ", log scale" if parameter.log else ""
            words += "" if parameter.step in (None, 1) else f", steps of {parameter.step:g}"
        case Categorical():
            labels = ", ".join(parameter.label(choice) for choice in parameter.choices)
            words = f"one of{', in order' if parameter.ordered else ''}: {labels}"
        case Constant():
            words = f"always {parameter.label(parameter.value)}"
        case Distribution():
            frozen = parameter.frozen
            given = [*map(str, frozen.args), *(f"{key}={value}" for key, value in frozen.kwds.items())]
            words = f"distributed as {frozen.dist.name}({', '.join(given)})"
        case _:
            words = repr(parameter)
    return words if parameter.when is None else f"{words}; only where {parameter.when}"
