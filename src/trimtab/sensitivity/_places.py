"""Named configurations with what the surrogate predicts there, and what real evaluations found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.records import FAILED, FINISHED, TrialTable
from trimtab.records._evaluation import point_keys
from trimtab.sensitivity._losses import WIDEN
from trimtab.sensitivity._result import Result, interval_text
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["Places", "places_of"]


@dataclass(frozen=True, eq=False)
class Places(Result):
    """Configurations by name; arrays (k,), objectives in their own units and the user's sign, NaN where not estimated.

    what        such as "best" and "worst in the box"
    params      the configurations
    objective   predicted mean, with low and high
    evaluation  low and high of one evaluation there, seed noise included (k, 2)
    expected    mean over the box around it; upper: what is exceeded in it with 1 - confidence only, in the worse direction
    observed    mean of the finished trials there; NaN without one
    inside      "yes" or "no": whether it lies between the ends of `evaluation`; "failed"; "" where no trial was at the time of prediction
    """

    what: tuple[str, ...]
    params: tuple[Mapping[str, object], ...]
    objective: FloatArray
    low: FloatArray
    high: FloatArray
    evaluation: FloatArray
    expected: FloatArray
    upper: FloatArray
    observed: FloatArray
    inside: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["what", "objective", "low", "high", "expected", "upper", "observed", "inside", "params"]

    def rows(self) -> list[dict[str, object]]:
        numbers = self.columns()[1:7]
        return [
            {"what": what, **{a: float(getattr(self, a)[i]) for a in numbers}, "inside": self.inside[i], "params": dict(self.params[i])}
            for i, what in enumerate(self.what)
        ]  # fmt: skip

    def title(self) -> str:
        return (
            "Configurations: predicted objective there, its mean over the box around it (expected) and what it hardly exceeds there "
            "(upper); mean of the trials there (observed)"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "what": row["what"],
                "objective": interval_text(self.objective[i], self.low[i], self.high[i]),
                **{a: row[a] for a in ("expected", "upper", "observed")},
                **({"inside": row["inside"]} if any(self.inside) else {}),
                "params": params_text(self.params[i]),
            }
            for i, row in enumerate(super().shown())
        ]

    def at(self, what: str) -> Mapping[str, object]:
        """The configuration of that name. KeyError if there is none."""
        if what not in self.what:
            raise KeyError(f"No configuration named {what!r}; there are {', '.join(map(repr, self.what))}.")
        return self.params[self.what.index(what)]


def params_text(params: Mapping[str, object]) -> str:
    """A configuration in a sentence: lr=0.00107, batch=21."""
    return ", ".join(f"{name}={short(value)}" for name, value in params.items())


def short(value: object) -> str:
    """A value of a parameter, numbers with three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def places_of(
    p: Prepared,
    named: list[tuple[str, FloatArray]],
    over: Mapping[str, tuple[float, float]],
    table: TrialTable,
    confidence: float,
    fresh: frozenset[bytes] = frozenset(),
) -> Places:
    """Predictions at named points. over: expected and upper of some, standardised; table: where trials were observed.

    fresh: keys of the points that had no trial when the prediction was made; only these are checked.
    """
    from scipy.special import ndtri

    x = np.array([point for _, point in named]).reshape(len(named), p.space.d)
    moments = [gp.predict(x) for gp in p.draws]
    mean = np.mean([m for m, _ in moments], axis=0)
    variance = WIDEN**2 * (np.mean([v for _, v in moments], axis=0) + np.var([m for m, _ in moments], axis=0))
    noise = float(np.mean([gp.noise for gp in p.draws]))
    reach = float(ndtri((1 + confidence) / 2))

    def ends(extra: float) -> FloatArray:
        far = reach * np.sqrt(variance + extra)
        return np.sort(p.scale.objective(np.array([mean - far, mean + far])), axis=0)

    low, high = ends(0.0)
    single = ends(noise)
    observed, failed = _observed(table, x)
    keys = point_keys(x)
    inside = []
    for i, key in enumerate(keys):
        if key not in fresh or (np.isnan(observed[i]) and not failed[i]):
            inside.append("")
        elif failed[i]:
            inside.append("failed")
        else:
            inside.append("yes" if single[0][i] <= observed[i] <= single[1][i] else "no")
    known = np.array([over.get(what, (np.nan, np.nan)) for what, _ in named]).reshape(len(named), 2)
    return Places(
        what=tuple(what for what, _ in named), params=tuple(p.space.decode(x)), objective=p.scale.objective(mean),
        low=low, high=high, evaluation=single.T, expected=_units(p, known[:, 0]), upper=_units(p, known[:, 1]),
        observed=observed, inside=tuple(inside),
    )  # fmt: skip


def _units(p: Prepared, z: FloatArray) -> FloatArray:
    """Standardised values in objective units; NaN stays."""
    return np.where(np.isnan(z), np.nan, p.scale.objective(np.nan_to_num(z)))


def _observed(table: TrialTable, x: FloatArray) -> tuple[FloatArray, list[bool]]:
    """Mean of the finished values at each point, and whether there are only failures."""
    values: dict[bytes, list[float]] = {}
    broken: set[bytes] = set()
    for key, y, state in zip(point_keys(table.x), table.value.tolist(), table.state.tolist(), strict=True):
        if state == FINISHED and np.isfinite(y):
            values.setdefault(key, []).append(y)
        elif state in (FAILED, FINISHED):
            broken.add(key)
    keys = point_keys(x)
    observed = np.array([float(np.mean(values[key])) if key in values else np.nan for key in keys])
    return observed, [key in broken and key not in values for key in keys]
