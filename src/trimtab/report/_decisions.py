"""The sections that lead to a decision: what to do next, and how exactly the best configuration must be set."""

from __future__ import annotations

from trimtab import plots
from trimtab.report._facts import Facts, Missing
from trimtab.report._figures import Figures
from trimtab.report._html import Markup, bullets, folded, note, paragraph, table, tag
from trimtab.report._tables import remarks, result_table
from trimtab.sensitivity import Piece, Robustness
from trimtab.sensitivity._bearing import price
from trimtab.sensitivity._places import short

__all__ = ["advice", "robustness"]

_MOST_LINES = 30
_SHOWN = ("best", "robust best", "worst in the box")


def advice(facts: Facts, figures: Figures) -> Markup:
    """Pieces of advice, each with its evidence."""
    found = facts.advice
    if isinstance(found, Missing):
        return note(found.why)
    about = remarks(found.title(), found.remarks())
    if not found.pieces:
        nothing = "Nothing is sure enough to be advised: no knob to freeze, no range to change, and neither enough trials nor too few."
        return Markup(note(nothing) + folded("How this was found", about))
    return Markup(tag("ol", *map(_piece, found.pieces), class_="advice") + folded("How this was found", about))


def _piece(piece: Piece) -> Markup:
    return tag(
        "li",
        tag("span", piece.kind, class_="kind"),
        tag("b", piece.advice),
        tag("span", f"Evidence: {piece.evidence}.", class_="reason"),
    )


def robustness(facts: Facts, figures: Figures) -> Markup:
    """Tolerances, cliffs, the worst case nearby, and what a more robust configuration costs."""
    found = facts.robustness
    if isinstance(found, Missing):
        return note(found.why)
    if not found.local.curves:
        return figures.add(plots.tolerance(found))
    about = (
        f"How exactly must the best configuration be set, and what if it is not? A loss of up to {found.epsilon:.3g} counts as none. "
        f"The box: every numeric knob off at once, by up to {100 * found.radius:g} % of its range to either side."
    )
    said = [*_told(found), *([price(found)] if found.places.what else [])]
    other = ""
    if facts.best is not None and dict(found.best) != dict(facts.best.params):
        other = paragraph(
            "Looked at here is not the trial with the best value but another one that was tried, which the model behind this "
            "analysis expects to be best on average. The table below shows it."
        )
    return Markup(
        paragraph(about)
        + other
        + figures.add(plots.tolerance(found, most=_MOST_LINES))
        + bullets(said)
        + tag("h3", "Best, more robust, and worst in the box")
        + _places(found)
        + _switches(found)
        + folded("All numbers", result_table(found, said=_elsewhere(facts, found)))
    )


def _told(found: Robustness) -> list[object]:
    """The sentences of the summary but those whose configurations stand in the table."""
    return [s for s in found.summary() if not s.startswith(("Worst", "More robust", "No configuration"))]


def _elsewhere(facts: Facts, found: Robustness) -> tuple[str, ...]:
    known = () if isinstance(facts.sensitivity, Missing) else facts.sensitivity.remarks()
    return (*known, *found.summary())


def _places(found: Robustness) -> Markup:
    """Named configurations as columns, the objective first."""
    places = found.places
    chosen = [i for i, what in enumerate(places.what) if what in _SHOWN]
    shown, params = places.shown(), [places.params[i] for i in chosen]
    lines = {"predicted objective": "objective", "mean over the box": "expected", "mean of trials there": "observed"}
    body: list[list[object]] = [[words, *(shown[i][column] for i in chosen)] for words, column in lines.items()]
    body += [
        [tag("code", name), *(short(one[name]) if name in one else "-" for one in params)]
        for name in dict.fromkeys(name for one in params for name in one)
    ]
    return table(("", *(places.what[i] for i in chosen)), body)


def _switches(found: Robustness) -> Markup:
    if not found.switches.rows():
        return Markup("")
    return folded("What another choice would cost", result_table(found.switches))
