"""What is drawn follows the declared distributions. Each test fails a right sampler for one seed in a million."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from trimtab.space import Categorical, Float, Int, Parameter, Space

SEED = 20_261_123
LIMIT = 1e-6


def draws(parameter: Parameter, n: int = 4_000) -> list[object]:
    space = Space({"p": parameter})
    return [row["p"] for row in space.decode(space.sample(n, np.random.default_rng(SEED)))]


@pytest.mark.parametrize(
    ("parameter", "declared"),
    [
        (Float(-2, 5), stats.uniform(-2, 7)),
        (Float(1e-6, 1e-1, log=True), stats.loguniform(1e-6, 1e-1)),
        (Float(1e20, 3e20), stats.uniform(1e20, 2e20)),
    ],
)
def test_continuous(parameter: Parameter, declared: object) -> None:
    assert stats.kstest(draws(parameter), declared.cdf).pvalue > LIMIT  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "parameter",
    [
        Int(3, 9),
        Int(0, 30, step=10),
        Float(0, 1, step=0.3),
        Categorical(["a", "b", "c"]),
        Categorical([3, 1], ordered=True),
    ],
)
def test_levels_are_equally_likely(parameter: Parameter) -> None:
    values = [str(v) for v in draws(parameter)]
    counts = np.unique(values, return_counts=True)[1]

    assert len(counts) == parameter.n_levels
    assert stats.chisquare(counts).pvalue > LIMIT


def test_log_integers_have_the_probability_of_their_cell() -> None:
    values = np.array(draws(Int(1, 20, log=True)), dtype=float)
    edges = np.log(np.arange(0.5, 21))
    expected = np.diff(edges) / (edges[-1] - edges[0])

    assert stats.chisquare(np.bincount(values.astype(int), minlength=21)[1:], 4_000 * expected).pvalue > LIMIT


def test_constraints_cut_the_distribution_and_nothing_else() -> None:
    """a <= b leaves the triangle: the larger of two uniform numbers has the distribution function b**2."""
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a <= b"])
    x = space.sample(4_000, np.random.default_rng(SEED))

    assert stats.kstest(x[:, 1], lambda b: b**2).pvalue > LIMIT


def test_children_are_independent_of_how_often_they_exist() -> None:
    space = Space({"c": Categorical(["x", "y", "z"]), "v": Float(0, 1, when={"c": "z"})})
    x = space.sample(6_000, np.random.default_rng(SEED))
    v = x[:, 1][~np.isnan(x[:, 1])]

    assert stats.binomtest(len(v), 6_000, 1 / 3).pvalue > LIMIT
    assert stats.kstest(v, "uniform").pvalue > LIMIT


def test_columns_are_independent() -> None:
    x = Space({str(k): Float(0, 1) for k in range(4)}).sample(4_000, np.random.default_rng(SEED))
    pairs = [stats.spearmanr(x[:, i], x[:, j]).pvalue for i in range(4) for j in range(i)]

    assert min(pairs) > LIMIT


def test_the_space_costs_little() -> None:
    """Aims on an idle machine: 150 us, 150 us, 3 ms. Ten times as much means that something broke."""
    ten = Space({f"x{k}": Float(1e-4, 1e-1, log=k % 2 == 0) for k in range(10)})
    mixed = Space(
        {
            "solver": Categorical(["adam", "sgd"]),
            "hidden": Categorical([(50,), (100,), (50, 50)]),
            "lr": Float(1e-4, 1e-1, log=True),
            "alpha": Float(1e-6, 1e-1, log=True),
            "batch": Int(16, 256, log=True),
            "n": Int(1, 9),
            "m": Float(0.5, 0.99, when={"solver": "sgd"}),
            "w": Float(0, 1, when="hidden == (50, 50)"),
        },
        constraints=["batch <= 128 or lr > 1e-3"],
    )
    rng = np.random.default_rng(0)
    u = rng.random((2_000, 8))
    point = ten.sample(1, rng)

    def best(what: object, repeats: int) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            what()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return min(times)

    assert best(lambda: ten.store(ten.sample(1, rng)), 50) < 1.5e-3
    assert best(lambda: ten.decode(point), 50) < 1.5e-3
    assert best(lambda: mixed.feasible(mixed.snap(u)), 10) < 30e-3
