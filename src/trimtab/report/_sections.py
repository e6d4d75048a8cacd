"""The sections of a report: facts in, HTML out, figures handed to a `Figures` that numbers them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from trimtab import plots
from trimtab.report import _decisions, _importance
from trimtab.report._facts import Facts, FailureGroup
from trimtab.report._figures import Figures
from trimtab.report._html import Markup, bullets, escape, folded, note, paragraph, table, tag
from trimtab.report._python import as_python
from trimtab.sensitivity import Advice, OneAtATime, Sensitivity

__all__ = ["SECTIONS", "duration", "header", "in_short"]

_MOST_ROWS = 15


def header(facts: Facts) -> Markup:
    """Name, direction and the numbers that come first."""
    better = "lower is better" if facts.direction == "minimize" else "higher is better"
    best = f"{facts.best.value:.6g}" if facts.best is not None and facts.best.value is not None else "–"
    states = ", ".join(f"{count} {name}" for name, count in facts.counts.items()) or "none yet"
    goals = facts.table.goals
    cards = [
        ("on the front", str(len(facts.front)), f"of {goals.m} objectives")
        if goals.m > 1
        else ("best value", best, f"trial {facts.best.number}" if facts.best else _no_best(facts)),
        ("trials", str(facts.table.n), states),
        ("evaluation", duration(facts.evaluation_seconds), "time inside the objective"),
        ("from first to last", duration(facts.wall_seconds), "pauses included"),
    ]
    shown = [
        tag(
            "div",
            tag("div", label, class_="label"),
            tag("div", value, class_="value"),
            tag("div", below, class_="below"),
            class_="card",
        )
        for label, value, below in cards
    ]
    lead = f"{'Minimising' if facts.direction == 'minimize' else 'Maximising'} one number; {better}."
    if goals.m > 1:
        lead = f"Goals: {', '.join(f'{d} {name}' for name, d in goals.directions.items())}."
    if goals.limits:
        lead += f" Limits: {', '.join(map(str, goals.limits))}."
    return tag("header", tag("h1", facts.name), tag("p", lead, class_="lead"), tag("div", *shown, class_="cards"))


def in_short(facts: Facts) -> Markup:
    """The few sentences that a reader in a hurry needs."""
    said: list[object] = []
    if isinstance(facts.sensitivity, Sensitivity):
        said += _who_matters(facts.sensitivity)
    if isinstance(facts.one_at_a_time, OneAtATime):
        said += _tightest(facts.one_at_a_time)
    if isinstance(facts.advice, Advice) and facts.advice.pieces and said:
        said.append(f"Next: {facts.advice.pieces[0].advice}")
    failed = facts.counts.get("failed", 0)
    if failed:
        many = "trial" if facts.table.n == 1 else "trials"
        said.append(
            f"{failed} of {facts.table.n} {many} failed; the most frequent reason: {facts.failures[0].reason[:160]}"
        )
    if not said:
        said.append("There is too little data for more than the list of trials.")
    return tag("div", tag("h2", "In short"), bullets(said), class_="short")


def _who_matters(result: Sensitivity) -> list[object]:
    order = np.argsort(-np.nan_to_num(result.total, nan=-1.0), kind="stable")
    words = {name: verdict.partition(":")[0].strip() for name, verdict in result.verdicts.items()}
    live = [result.parameters[j] for j in order if words[result.parameters[j]].startswith("matters")]
    dead = [result.parameters[j] for j in order if words[result.parameters[j]].startswith("cannot")]
    said: list[object] = []
    if live:
        said.append(Markup(f"{_names(live)} {'matters' if len(live) == 1 else 'matter'}."))
    if dead:
        said.append(
            Markup(f"{_names(dead)} cannot be told from {'a dead knob' if len(dead) == 1 else 'dead knobs'} yet.")
        )
    if not live and not dead:
        said.append("There is too little data to say which knobs matter.")
    return said


def _tightest(result: OneAtATime) -> list[object]:
    if not result.curves or np.isnan(result.effect).all():
        return []
    j = int(np.nanargmax(result.effect))
    name = result.parameters[j]
    if not result.verdicts[name].startswith("matters"):
        return []
    tolerated = result.tolerance_text[j]
    if tolerated in ("any", "whole range"):
        return []
    if len(set(result.tolerance[j])) == 1:
        keep = "keep"
    else:
        keep = "keep one of" if result.curves[j].kind == "categorical" else "keep it within"
    return [Markup(f"Around the best configuration {_names([name])} needs the most care: {keep} {escape(tolerated)}.")]


def _names(names: list[str]) -> Markup:
    shown = [tag("code", name[:80]) for name in names[:6]]
    if len(names) > 6:
        return Markup(", ".join(shown) + f" and {len(names) - 6} more")
    return Markup(", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0])


def _no_best(facts: Facts) -> str:
    return "no trial keeps every limit" if facts.counts.get("finished") else "nothing has finished"


def _front(facts: Facts, figures: Figures) -> Markup:
    """Of several objectives: the front as a figure and as a table."""
    names = facts.table.goals.objectives
    about = paragraph(
        "No trial is the best in every objective. These are the ones that no other beats in all of them: choose among "
        f"them. The sections below look at the first objective, {names[0]}."
    )
    rows = [[str(t.number), *(f"{t.outcomes[name]:.6g}" for name in names), as_python(t.params)] for t in facts.front]
    head = ["trial", *names, "configuration"]
    body = table(head, rows[:_MOST_ROWS]) if rows else note(f"There is no front: {_no_best(facts)}.")
    if len(rows) > _MOST_ROWS:
        body = Markup(body + folded(f"all {len(rows)} trials of the front", table(head, rows)))
    return Markup(about + figures.add(plots.pareto(facts.table)) + body)


def _best(facts: Facts, figures: Figures) -> Markup:
    if facts.table.goals.m > 1:
        return _front(facts, figures)
    if facts.best is None:
        why = "No trial keeps every limit" if facts.counts.get("finished") else "No trial has finished yet"
        return note(f"{why}, so there is no best configuration.")
    code = as_python(facts.best.params)
    button = tag("button", "Copy", type="button", class_="copy")
    value = f"{facts.best.value:.8g}" if facts.best.value is not None else "–"
    seconds = "" if math.isnan(facts.best.seconds) else f", evaluated in {duration(facts.best.seconds)}"
    return Markup(
        paragraph(f"Trial {facts.best.number}, value {value}{seconds}.")
        + tag("div", button, tag("pre", tag("code", code)), class_="code")
        + _recommended(facts)
    )


def _recommended(facts: Facts) -> Markup:
    """What to use where the objective is noisy, and how sure that is."""
    found, best = facts.recommended, facts.best
    if found is None or best is None:
        return Markup("")
    interval = ""
    if math.isfinite(found.low):
        interval = f" ({found.confidence:.0%} interval {found.low:.6g} to {found.high:.6g})"
    said = (
        f"Recommended by posterior mean: {'the same trial' if found.number == best.number else f'trial {found.number}'}, "
        f"{found.mean:.6g} on average{interval}; of those tried it is the best with probability "
        f"{found.probability_best:.2f}. {found.advice}"
    )
    if found.number == best.number:
        return paragraph(said)
    return Markup(paragraph(said) + tag("pre", tag("code", as_python(found.params, "recommended"))))


def _history(facts: Facts, figures: Figures) -> Markup:
    return figures.add(plots.history(facts.analysed))


def _learning_curves(facts: Facts, figures: Figures) -> Markup:
    """Nothing where no trial reported."""
    return figures.add(plots.learning_curves(facts)) if facts.curves else Markup("")


def _parallel(facts: Facts, figures: Figures) -> Markup:
    names = facts.table.space.names
    most = 12
    if len(names) > most and isinstance(facts.sensitivity, Sensitivity):
        strongest = plots.sensitivity_data(facts.sensitivity).parameters[:most]
        names = tuple(name for name in names if name in strongest)
    return figures.add(plots.parallel_coordinates(facts.analysed, parameters=names[:most]))


def _failures(facts: Facts, figures: Figures) -> Markup:
    if not facts.failures:
        return note("No trial failed." if facts.table.n else "No trial has run yet.")
    groups = [_group(g) for g in facts.failures[:30]]
    left = len(facts.failures) - len(groups)
    more = paragraph(f"{left} more reasons are not shown.") if left > 0 else ""
    which = paragraph(
        "Which knobs decide whether a trial fails, with intervals: ",
        tag("code", "trimtab sensitivity FILE --kind failures"),
        ", from about 20 failures on.",
    )
    return Markup(figures.add(plots.failures(facts.table)) + "".join(groups) + more + which)


def _group(group: FailureGroup) -> Markup:
    shown = ", ".join(map(str, group.numbers[:20])) + (", …" if len(group.numbers) > 20 else "")
    many = "1 trial" if len(group.numbers) == 1 else f"{len(group.numbers)} trials"
    text = group.traceback
    if len(text) > 20_000:
        text = f"{text[:6_000]}\n\n[... {len(text) - 20_000} characters left out ...]\n\n{text[-14_000:]}"
    inside = tag("pre", text) if text.strip() else paragraph("No traceback was recorded.")
    return folded(
        Markup(f"<b>{many}</b>: {escape(group.reason)}"),
        paragraph(f"Trials {shown}. The first one's traceback:"),
        inside,
    )


def _made(facts: Facts, figures: Figures) -> Markup:
    states = ", ".join(f"{count} {name}" for name, count in facts.counts.items()) or "none"
    rows = [
        ("trials", states),
        ("evaluation time", duration(facts.evaluation_seconds)),
        ("wall time", duration(facts.wall_seconds)),
        *facts.made,
    ]
    parts = [
        table(("what", "value"), rows),
        tag("h3", "Search space"),
        table(("parameter", "values"), [(tag("code", name), words) for name, words in facts.space]),
    ]
    if facts.constraints:
        parts += [tag("h3", "Constraints"), bullets(tag("code", c) for c in facts.constraints)]
    return Markup("".join(parts))


SECTIONS: tuple[tuple[str, str, Callable[[Facts, Figures], Markup]], ...] = (
    ("best", "Best configuration", _best),
    ("next", "What to do next", _decisions.advice),
    ("history", "Optimisation history", _history),
    ("learning-curves", "Learning curves", _learning_curves),
    ("sensitivity", "What matters: global sensitivity", _importance.sensitivity),
    ("interactions", "Interactions", _importance.interactions),
    ("effects", "Good values: effect of each knob", _importance.effects),
    ("robustness", "Robustness: how exactly must the best be set?", _decisions.robustness),
    ("one-at-a-time", "One knob at a time", _importance.one_at_a_time),
    ("gradient", "Gradient", _importance.gradient),
    ("parallel", "All trials: parallel coordinates", _parallel),
    ("failures", "Failures", _failures),
    ("made", "How it was made", _made),
)


def duration(seconds: float) -> str:
    """Seconds for people: 0.42 s, 3 min 20 s, 2 h 5 min."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
