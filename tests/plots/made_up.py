"""Studies and results with known numbers, for tests of figures: nothing here is computed by an analysis."""

from __future__ import annotations

import numpy as np

import trimtab as tt
from trimtab.records import TrialTable
from trimtab.sensitivity import Curve, Gradient, Interactions, OneAtATime, Sensitivity
from trimtab.space import Space

HOSTILE = "</script><script>window.pwned = 1</script><b>bold</b> $x$ %{y}"


def space() -> Space:
    """A log float, an integer, choices that are objects, and a conditional knob."""
    return tt.Space(
        {
            "lr": tt.Float(1e-4, 1e-1, log=True),
            "units": tt.Int(16, 256, log=True),
            "layers": tt.Categorical([(50,), (100, 50), HOSTILE]),
            "momentum": tt.Float(0.5, 0.99, when={"layers": [(50,)]}),
        }
    )


def table(n: int = 30, direction: str = "minimize", failed: tuple[int, ...] = (3, 7)) -> TrialTable:
    """n random trials with values 0.1, 0.2, ... in a shuffled order, some of them failed."""
    rng = np.random.default_rng(11)
    x = space().sample(n, rng)
    y = rng.permutation(n) * 0.1 + 0.1
    y[[i for i in failed if i < n]] = np.nan
    return TrialTable.of(space(), x, y if direction == "minimize" else -y, direction)


def sensitivity(total: tuple[float, ...] = (0.2, 0.7, 0.05, np.nan)) -> Sensitivity:
    """Shares of the four knobs of `space`; the last one was not estimated."""
    names = space().names
    share = np.array(total)
    known = ~np.isnan(share)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    words = ["matters: yes", "matters: much", "cannot be told from a dead knob: flat", "too little data: never active"]
    pair = np.linspace(0.3, 0.0, len(pairs)) if known.any() else np.full(len(pairs), np.nan)
    return Sensitivity(
        parameters=names,
        main=share / 2, main_low=np.where(known, share / 4, 0.0), main_high=np.where(known, share, 1.0),
        total=share, total_low=np.where(known, share / 2, 0.0), total_high=np.where(known, share * 1.2, 1.0),
        interactions=Interactions(
            tuple(a for a, _ in pairs), tuple(b for _, b in pairs), pair, np.nan_to_num(pair) / 2,
            np.nan_to_num(pair) * 2
        ),
        verdicts=dict(zip(names, words, strict=True)),
        scale="raw", scope="space", confidence=0.9, n_used=28, n_failed=2, noise=0.1, fit=0.8, n_effective=20.0,
        evidence=np.ones(len(names)), notes=("A note.",),
    )  # fmt: skip


def one_at_a_time() -> OneAtATime:
    """Two curves: lr (effect 1, tolerated from 1e-3 to 1e-2) and layers (effect 2, the first two choices tolerated)."""
    at = {"lr": 1e-3, "units": 64, "layers": (50,), "momentum": 0.9}
    u = np.linspace(0, 1, 31)
    lr = tuple((10 ** (-4 + 3 * u)).tolist())
    choices = ((50,), (100, 50), HOSTILE)
    curves = (
        _curve("lr", "continuous", u, lr, tuple(f"{v:.3g}" for v in lr), (u - 1 / 3) ** 2, 10),
        _curve(
            "layers",
            "categorical",
            np.array([1, 3, 5]) / 6,
            choices,
            tuple(map(str, choices)),
            np.array([0.0, 0.05, 2.0]),
            0,
        ),
    )
    two = np.array([1.0, 2.0])
    return OneAtATime(
        parameters=("lr", "layers"), at=at, values=(1e-3, (50,)), labels=("0.001", "(50,)"), curves=curves,
        effect=two, effect_low=two / 2, effect_high=two * 2,
        down=np.array([0.3, -0.1]), down_low=np.array([0.1, -0.2]), down_high=np.array([0.5, 0.1]),
        down_to=("0.0005", "(100, 50)"),
        up=np.array([0.2, 2.0]), up_low=np.array([0.1, 1.5]), up_high=np.array([0.3, 2.5]), up_to=("0.002", HOSTILE),
        tolerance=((1e-3, 1e-2), ((50,), (100, 50))), safe=((1e-3, 5e-3), ((50,),)),
        tolerance_text=("0.001 ... 0.01", "(50,), (100, 50)"), safe_text=("0.001 ... 0.005", "(50,)"),
        epsilon=0.1, step=0.15, verdicts={"lr": "matters: yes", "layers": "matters: yes"},
        scale="raw", confidence=0.9, n_used=28, n_failed=2, notes=(),
    )  # fmt: skip


def gradient() -> Gradient:
    """Three slopes; the objective surely rises with lr, and momentum is inactive here."""
    slope, mean = np.array([0.5, -2.0, np.nan]), np.array([0.1, 0.2, 0.3])
    return Gradient(
        parameters=("lr", "units", "momentum"), at={"lr": 1e-3}, values=(1e-3, 64, None),
        slope=slope, slope_low=slope - 0.1, slope_high=slope + 0.1, positive=np.array([0.99, 0.2, np.nan]),
        mean=mean, mean_low=mean - 0.1, mean_high=mean + 0.1, mean_positive=np.array([0.9, 0.9, 0.9]),
        squared=mean**2, squared_low=mean**2, squared_high=mean**2, units=("per decade", "per decade", "per unit"),
        per_unit=np.full(3, 0.3), verdicts=dict.fromkeys(("lr", "units", "momentum"), "matters: yes"),
        scale="raw", confidence=0.9, n_used=28, n_failed=2, notes=(),
    )  # fmt: skip


def _curve(
    name: str,
    kind: str,
    u: np.ndarray,
    values: tuple[object, ...],
    labels: tuple[str, ...],
    effect: np.ndarray,
    here: int,
) -> Curve:
    return Curve(
        name, kind, u, values, labels, effect, effect - 0.1, effect + 0.1, effect + 1, effect + 0.9, effect + 1.1, here
    )
