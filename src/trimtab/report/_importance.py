"""The sections that tell what each knob does: shares, interactions, effects, one at a time, gradient."""

from __future__ import annotations

import numpy as np

from trimtab import plots
from trimtab.report._facts import Facts, Missing
from trimtab.report._figures import Figures
from trimtab.report._html import Markup, bullets, folded, note, paragraph, tag
from trimtab.report._tables import rest, result_table
from trimtab.sensitivity import Agreement, Sensitivity

__all__ = ["effects", "gradient", "interactions", "one_at_a_time", "sensitivity"]

_MOST_BARS = 20
_MOST_CURVES = 12


def sensitivity(facts: Facts, figures: Figures) -> Markup:
    """Shares of the variance, seed noise beside them, and whether other views agree."""
    result = facts.sensitivity
    if isinstance(result, Missing):
        return note(result.why)
    about = paragraph(
        "Where do the differences between configurations come from? ",
        tag("b", "Main"),
        " is the share of the objective's variance that a knob causes on its own, ",
        tag("b", "total"),
        " the share that it causes alone and together with others, over the whole declared space.",
    )
    return Markup(
        about
        + figures.add(plots.sensitivity(result, most=_MOST_BARS))
        + rest(len(result.parameters) - _MOST_BARS)
        + _noise(result)
        + result_table(result, plots.sensitivity_data(result).parameters)
        + _agreement(facts, figures)
    )


def _noise(result: Sensitivity) -> Markup:
    """What no knob explains, beside the knobs."""
    if not np.isfinite(result.noise) or np.isnan(result.total).all():
        return Markup("")
    share = f"{100 * result.noise:.0f} %" if result.noise >= 0.005 else "less than 1 %"
    return paragraph(
        tag("b", "Seed noise: "),
        f"{share} of the variance among the trials is explained by no knob. It comes from the seed, or from what the fitted model cannot "
        "follow; the shares are of the rest.",
    )


def _agreement(facts: Facts, figures: Figures) -> Markup:
    """Where one-at-a-time, gradient and global views differ, and why."""
    found = facts.agreement
    if isinstance(found, Missing) or np.isnan(found.share).all():
        return Markup("")
    title = tag("h3", "Do other views agree?")
    whole = folded(
        f"One at a time, gradient, {'hypergradient, ' * bool(found.reported)}main and total side by side",
        figures.add(plots.agreement(found)),
        result_table(found, said=_said(facts)),
    )
    flagged = _flags(found)
    if not flagged:
        said = paragraph(
            "Yes: one knob at a time, gradient and global shares tell the same of every knob that matters."
        )
        return Markup(title + said + whole)
    about = paragraph(
        "One knob at a time, gradient and global shares differ for these, so do not judge them by one view alone:"
    )
    return Markup(title + about + bullets(flagged) + whole)


def _flags(found: Agreement) -> list[object]:
    flags = []
    for name in found.parameters:
        words = [text for text in (found.reasons.get(name), found.ranges.get(name), _differs(found, name)) if text]
        if words:
            flags.append(Markup(tag("code", name[:80]) + tag("span", ": ", "; ".join(words), ".")))
    return list(flags)


def _differs(found: Agreement, name: str) -> str:
    """What a hypergradient says against the surrogate's slope; empty where they agree or none was reported."""
    said = found.reported.get(name, "")
    return said if said.startswith("differs") else ""


def interactions(facts: Facts, figures: Figures) -> Markup:
    """Pairs, and the map of the strongest one."""
    result = facts.sensitivity
    if isinstance(result, Missing):
        return note(result.why)
    if np.isnan(result.interactions.share).all():
        return figures.add(plots.interactions(result))
    about = paragraph(
        "Pairs that move the objective beyond what each knob does alone: tune them together. Bold: above 1 % for sure."
    )
    pairs = figures.add(plots.interactions(result))
    strongest = Markup("")
    if not isinstance(facts.effects, Missing) and facts.effects.surfaces:
        strongest = Markup(tag("h3", "The strongest pair") + figures.add(plots.effect_map(facts.effects)))
    return Markup(about + pairs + result_table(result.interactions, what="all pairs", most=6) + strongest)


def effects(facts: Facts, figures: Figures) -> Markup:
    """The objective against each knob, averaged over the others."""
    result = facts.effects
    if isinstance(result, Missing):
        return note(result.why)
    ordered = [p.parameter for p in plots.effects_data(result).panels]
    if not ordered:
        return figures.add(plots.effects(result))
    about = paragraph(
        "Where in its range is each knob good, whatever the others are? Line and band: the objective averaged over all other knobs, "
        f"with its {100 * result.confidence:g} % interval; dotted: the average over everything, where a knob without effect would "
        "run; strokes: what was tried. All pictures share one vertical scale."
    )
    small = [figures.add(plots.effects(result, parameters=[name]), caption=False) for name in ordered[:_MOST_CURVES]]
    table = folded("Where each is lowest and highest", result_table(result, ordered, said=_said(facts)))
    return Markup(about + tag("div", *small, class_="multiples") + rest(len(ordered) - len(small)) + table)


def one_at_a_time(facts: Facts, figures: Figures) -> Markup:
    """Curves around the best configuration; tornado and table folded."""
    result = facts.one_at_a_time
    if isinstance(result, Missing):
        return note(result.why)
    if not result.curves:
        return figures.add(plots.one_at_a_time(result))
    about = paragraph(
        "What happens when a single knob moves and all others stay at the best configuration? "
        "Line and band: predicted objective; diamond: the best configuration; "
        "green: the objective stays within the tolerance. "
        "All pictures share one vertical scale."
    )
    ordered = [p.parameter for p in plots.one_at_a_time_data(result).panels]
    small = [
        figures.add(plots.one_at_a_time(result, parameters=[name]), caption=False) for name in ordered[:_MOST_CURVES]
    ]
    steps = folded(
        "Single steps, and how far each knob may move",
        figures.add(plots.tornado(result, direction=facts.direction, most=_MOST_CURVES)),
        result_table(result, ordered, said=_said(facts)),
    )
    return Markup(about + tag("div", *small, class_="multiples") + rest(len(ordered) - len(small)) + steps)


def gradient(facts: Facts, figures: Figures) -> Markup:
    """Slopes; the table folded."""
    result = facts.gradient
    if isinstance(result, Missing):
        return note(result.why)
    if np.isnan([result.slope, result.mean]).all():
        return figures.add(plots.gradient(result))
    about = paragraph(
        "Which way does the objective go when a numeric knob grows, and how sure is that? "
        "Slopes of the fitted surface, as changes of the objective over a knob's whole declared range."
    )
    ordered = plots.gradient_data(result).parameters
    return Markup(
        about
        + figures.add(plots.gradient(result, most=_MOST_BARS))
        + folded("All slopes", result_table(result, ordered, said=_said(facts)))
    )


def _said(facts: Facts) -> tuple[str, ...]:
    """Remarks that stand below the shares already."""
    return () if isinstance(facts.sensitivity, Missing) else facts.sensitivity.remarks()
