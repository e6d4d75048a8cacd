"""What to do next: knobs to freeze, ranges to widen or shrink, scales to change, whether more trials would change an answer.

Functions are drawn from the surrogate's posterior, and each draw is a possible truth: it has a minimum, and a lowest value with a
knob frozen, or within a part of a range (see `_restrictions`). The share of draws in which a piece of advice costs at most epsilon is its
probability.

No source: the bound on what freezing costs is this package's own. Perrone et al. 2019 (arXiv:1909.12552) shrink ranges with the same
aim, by other means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._log_scale import log_candidates, log_gain
from trimtab.sensitivity._minima import draw_minima
from trimtab.sensitivity._one_at_a_time import _worse
from trimtab.sensitivity._restrictions import LIKELY, Case, Piece, cuts, equals, freezes, percent, widenings
from trimtab.sensitivity._result import DEAD, TOO_LITTLE, Result, plain
from trimtab.sensitivity._sobol import Sensitivity, main_and_total
from trimtab.sensitivity._surrogate import Prepared, _descendants, check_confidence, prepare, too_little

__all__ = ["Advice", "Piece", "advice"]

MISSING = 0.9  # that something better is left to find: below, such advice was wrong too often on full tables
SURE = 0.95  # that a log scale is better: the standard error behind it is itself uncertain
OPEN = 0.15  # of the variance: a knob that may move more, and may be dead, is an open verdict
TELLABLE = 1.0 / 3.0  # of the noise: what a few repeats would show
SHARES = 0.9  # confidence of the intervals behind verdicts
NOISY = 0.02  # of the variance: noise below is none


@dataclass(frozen=True, eq=False)
class Advice(Result):
    """What the trials say on what to do next, most useful first; `pieces` may be empty.

    epsilon     the loss that is taken for nothing, in objective units; NaN with too little data
    at          the trial with the best posterior mean, around which knobs are frozen
    confidence  asked of "freeze", "shrink" and "enough trials"; the others are named from 80 to 95 % on
    """

    pieces: tuple[Piece, ...]
    at: dict[str, object]
    epsilon: float
    confidence: float
    scale: str
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["kind", "parameter", "value", "advice", "evidence", "confidence"]

    def rows(self) -> list[dict[str, object]]:
        return [{name: getattr(piece, name) for name in self.columns()} for piece in self.pieces]

    def of(self, kind: str) -> tuple[Piece, ...]:
        """The pieces of one kind."""
        return tuple(piece for piece in self.pieces if piece.kind == kind)

    def to_dict(self) -> dict[str, object]:
        return {**super().to_dict(), "pieces": [plain(row) for row in self.rows()]}

    def title(self) -> str:
        lost = f"a loss of {self.epsilon:.3g} counts as none, " if np.isfinite(self.epsilon) else ""
        none = "" if self.pieces else ": nothing to say"
        return f"Advice{none}: {lost}scale {self.scale}, {self.n_used} trials used"

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "kind": piece.kind,
                "P": "-" if piece.confidence is None else f"{percent(piece.confidence)}",
                "advice": piece.advice,
                "evidence": piece.evidence,
            }
            for piece in self.pieces
        ]


def advice(source: object, *, epsilon: float | None = None, confidence: float = 0.95, scale: str = "rank") -> Advice:
    """What to do next, one row a piece of advice, each with its evidence and a probability; an empty table is a valid answer.

    source      a Study or a TrialTable
    epsilon     how much worse the objective may get by following the advice, in objective units; by default one standard deviation of
                the seed noise, at least 1 % of the range between the best and the median trial
    confidence  of "freeze" and "shrink": with this probability all of them together cost at most epsilon
    scale       on which the surrogate sees the objective: "rank" (ranks resolve what is good, which is all that advice is about; on full
                tables of networks it was right more often), "auto", "raw" or "log"

    freeze         with these knobs held at these values, the best that can be reached is worse by at most epsilon. A row holds together
                   with the freeze rows above it
    widen          the best value lies in the outer tenth of a range, and the last step towards its end still gains more than epsilon
    shrink         nothing within epsilon of the best lies in the part cut off
    log scale      a knob declared linear predicts left-out trials better on the log scale
    repeats        seed noise hides which of the tried configurations is best
    more trials    something better by more than epsilon probably exists untried, or verdicts on knobs are open
    enough trials  nothing better by more than epsilon is left to find, with probability `confidence`

    Not a substitute for a look: the probabilities are those of a surrogate, fitted to the trials at hand; where few trials lie it guesses
    that the objective goes on as it does elsewhere. Failures are not modelled, and a freeze or cut is judged by the optimum alone: for what
    a knob does on average see `sobol`. Limits on outcomes only decide which trials may be called best. Raises InputError for an epsilon
    that is not positive. The same trials give the same advice.
    """
    check_confidence(confidence)
    if epsilon is not None and not epsilon > 0:
        raise InputError(
            f"epsilon must be positive (how much worse is taken for nothing, in objective units), got {epsilon!r}."
        )
    p = prepare(source, scale)
    if not p.explained:
        return _nothing(p, epsilon, confidence)
    with one_blas_thread():
        return _advised(p, main_and_total(p, SHARES), epsilon, confidence)


def _advised(p: Prepared, shares: Sensitivity, epsilon: float | None, confidence: float) -> Advice:
    parents = frozenset(j for j in range(p.space.d) if _descendants(p.space, j))
    m = draw_minima(p, parents)
    worse, epsilon = _worse(p, p.sign * float(m.mean[m.best]), epsilon)
    assert p.evidence is not None
    case = Case(p, m, p.evidence, worse, epsilon, confidence)
    wider = widenings(case)
    frozen, freezing = freezes(case, [p.names.index(piece.parameter) for piece in wider])
    free = [j for j in np.argsort(-case.evidence, kind="stable").tolist() if j not in frozen and p.varied[j]]
    pieces = [*freezing, *wider, *cuts(case, free), *_logs(case), *_enough(case, shares)]
    return Advice(
        tuple(pieces), p.space.decode(m.x[m.best][None, :])[0], epsilon, confidence, p.scale.name, p.n, p.n_failed, _notes(case)
    )  # fmt: skip


def _logs(case: Case) -> list[Piece]:
    p = case.p
    pieces = []
    for j, gain, probability in log_gain(p, log_candidates(p), SURE):
        pieces.append(Piece(
            "log scale", p.names[j], None,
            f"Declare {p.names[j]} with log=True: the objective follows its logarithm better.",
            f"left-out trials are predicted better by {gain:.2g} nats each; P(better) {equals(probability)}", probability,
        ))  # fmt: skip
    return pieces


def _enough(case: Case, shares: Sensitivity) -> list[Piece]:
    """Repeats, more trials, or enough of them."""
    m = case.m
    here = m.f[m.best]
    settled = float(case.within(here).mean())
    gain = case.loss(float(np.mean(np.maximum(here - m.low, 0.0))))
    pieces = [*_repeats(case, here)]
    if settled >= case.confidence:
        pieces.append(Piece(
            "enough trials", "", None,
            f"Stop searching: hardly anything better than the best one found by more than {case.epsilon:.3g} is left to find.",
            f"P(none) {equals(settled)}; the best untried one is better by {gain:.2g} on average", settled,
        ))  # fmt: skip
    elif 1.0 - settled >= MISSING:
        pieces.append(Piece(
            "more trials", "", None,
            f"Go on searching: something better than the best one found by more than {case.epsilon:.3g} is likely left to find.",
            f"P(it exists) {equals(1.0 - settled)}; it is better by {gain:.2g} on average", 1.0 - settled,
        ))  # fmt: skip
    return [*pieces, *_open_verdicts(shares)]


def _repeats(case: Case, here: FloatArray) -> list[Piece]:
    p, m = case.p, case.m
    assert p.fit is not None
    noise = float(np.sqrt(p.fit.best.noise))
    tried = m.f[m.tried]
    gain = float(np.mean(here - tried.min(axis=0)))
    best = float(np.mean(here <= tried.min(axis=0) + 1e-9))
    if p.fit.best.noise < NOISY or gain < TELLABLE * noise or 1.0 - best < LIKELY:
        return []
    return [Piece(
        "repeats", "", None,
        "Evaluate the best configurations again with other seeds: the noise hides which of them is best.",
        f"P(another tried one is better) {equals(1.0 - best)}; knowing it gains {case.loss(gain):.2g}, one evaluation's noise is "
        f"{case.loss(noise):.2g}", 1.0 - best,
    )]  # fmt: skip


def _open_verdicts(shares: Sensitivity) -> list[Piece]:
    """Knobs of which it is not known whether they matter."""
    unsure = [
        (name, float(shares.total_high[j]))
        for j, name in enumerate(shares.parameters)
        if shares.verdicts[name].startswith((DEAD, TOO_LITTLE)) and shares.total_high[j] >= OPEN
    ]
    if not unsure:
        return []
    names = ", ".join(name for name, _ in unsure)
    most = ", ".join(f"{name} up to {percent(high)}" for name, high in unsure)
    return [Piece(
        "more trials", names, None,
        f"Run trials that tell whether {names} matter{'s' * (len(unsure) == 1)}: the verdict is open.",
        f"share of the variance that may be theirs ({percent(shares.confidence)} intervals): {most}", None,
    )]  # fmt: skip


def _nothing(p: Prepared, epsilon: float | None, confidence: float) -> Advice:
    """What can be said without a surrogate that explains anything."""
    if p.fit is None:
        reason = too_little(p)
        piece = Piece("more trials", "", None, "Run more trials: there is too little to go by.", reason, None)
    else:
        piece = Piece(
            "repeats", "", None,
            "Evaluate some configurations several times, or run more trials: nothing is seen but noise.",
            f"noise alone explains the {p.n} trials as well as all knobs together", None,
        )  # fmt: skip
    at = p.space.decode(p.best[None, :])[0] if p.n else {}
    return Advice(
        (piece,), at, float("nan") if epsilon is None else epsilon, confidence, p.scale.name, p.n, p.n_failed, p.notes
    )


def _notes(case: Case) -> tuple[str, ...]:
    p = case.p
    notes = [
        *p.notes,
        f"Probabilities are shares of {case.m.f.shape[1]} functions drawn from the surrogate. Frozen values are those of the trial with "
        "the best posterior mean.",
    ]
    if not p.varied.all():
        same = ", ".join(name for name, varied in zip(p.names, p.varied, strict=True) if not varied)
        notes.append(f"Never changed among these trials, so nothing is said on them: {same}.")
    if p.feasible is not None and not p.feasible.all():
        notes.append(
            "Trials that break a limit on an outcome are never called best; the limits are not modelled otherwise."
        )
    return tuple(notes)
