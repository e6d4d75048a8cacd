"""Real training runs: scikit-learn's MLPClassifier on scikit-learn's own data sets.

One evaluation trains 15 epochs on a small fixed part of the data with a random seed of its own (weights, shuffling) and returns
the error on the rest: the share of wrong labels for digits, the logarithmic loss for wine and breast_cancer, whose shares
are too coarse. A run that diverges counts as the worst there is.

    truth       the mean over SEEDS, which no evaluation uses; kept on disk, for it takes five trainings
    yardstick   the truths of 500 random configurations, computed once and kept on disk

`momentum` means nothing to adam, and stays in the flat space as it would for a user of a flat tool.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.spaces import Params, Plain, choice, draw, floating, key, whole
from benchmarks.peers.yardstick import Yardstick

__all__ = ["SPACE", "Training"]

SPACE: Plain = [
    floating("learning_rate", 1e-4, 0.3, log=True),
    floating("alpha", 1e-7, 10.0, log=True),
    whole("width", 4, 64, log=True),
    whole("layers", 1, 3),
    choice("activation", ("relu", "tanh", "logistic")),
    whole("batch_size", 16, 128, log=True),
    choice("solver", ("adam", "sgd")),
    floating("momentum", 0.5, 0.99),
]
KEPT = Path(__file__).resolve().parents[1] / "results" / "peers" / "mlp"
TRAINED_ON = {"digits": 500, "wine": 90, "breast_cancer": 280}
EPOCHS, N_REFERENCE = 15, 500
SEEDS = tuple(range(2**31, 2**31 + 5))  # evaluations draw theirs below
WORST_LOG_LOSS = -math.log(1e-4)
SETUP = 1  # counts up when any of the above changes: what was kept is computed again


class Training(Yardstick):
    """One data set. folder: where truths and yardsticks are kept."""

    family, tries, space = "mlp", False, SPACE

    def __init__(self, name: str, folder: Path = KEPT, n_reference: int = N_REFERENCE) -> None:
        self.name = f"mlp:{name}"
        self._train, self._rest = _data(name)
        self._log_loss = name != "digits"
        folder.mkdir(parents=True, exist_ok=True)
        self._truths = folder / f"{name}-truths.jsonl"
        self._known = _kept(self._truths)
        super().__init__(self._reference(folder / f"{name}-reference.json", n_reference))

    def observe(self, params: Params, rng: np.random.Generator) -> float:
        return self._error(params, int(rng.integers(2**31)))

    def truth(self, params: Params) -> float:
        if key(params) not in self._known:
            true = self._mean(params)
            self._known[key(params)] = true
            with self._truths.open("a") as file:  # one short write: several processes may append
                file.write(json.dumps({"setup": SETUP, "params": dict(params), "true": true}) + "\n")
        return self._known[key(params)]

    def _reference(self, path: Path, n: int) -> np.ndarray:
        if path.exists():
            kept = json.loads(path.read_text())
            if kept["setup"] == SETUP and len(kept["true"]) == n:
                return np.array(kept["true"])
        print(
            f"{self.name}: training the {n} configurations that all others are measured against, once ...", flush=True
        )
        true = sorted(self._mean(p) for p in draw(self.space, n, np.random.default_rng(n)))
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"setup": SETUP, "true": true}) + "\n")
        part.replace(path)
        return np.array(true)

    def _mean(self, params: Params) -> float:
        return round(float(np.mean([self._error(params, seed) for seed in SEEDS])), 6)

    def _error(self, params: Params, seed: int) -> float:
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier(
            (params["width"],) * params["layers"],
            activation=params["activation"],
            solver=params["solver"],
            alpha=params["alpha"],
            batch_size=params["batch_size"],
            learning_rate_init=params["learning_rate"],
            momentum=params["momentum"],
            max_iter=EPOCHS,
            n_iter_no_change=EPOCHS + 1,
            random_state=seed,
        )
        x, y = self._rest
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # few epochs are meant; overflow is a result
            try:
                chances = model.fit(*self._train).predict_proba(x)
            except ValueError as error:
                if "non-finite" not in str(error):
                    raise
                chances = np.full((len(y), 1), np.nan)  # the weights overflowed
        if not np.isfinite(chances).all():
            return WORST_LOG_LOSS if self._log_loss else 1.0
        if self._log_loss:
            return float(-np.log(np.maximum(chances[np.arange(len(y)), y], math.exp(-WORST_LOG_LOSS))).mean())
        return float(np.mean(chances.argmax(axis=1) != y))


def _data(name: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The part that is trained on and the rest, standardised by the former."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y, n = x[order], y[order], TRAINED_ON[name]
    mean, sd = x[:n].mean(axis=0), x[:n].std(axis=0)
    x = (x - mean) / np.where(sd > 0, sd, 1.0)
    return (x[:n], y[:n]), (x[n:], y[n:])


def _kept(path: Path) -> dict[str, float]:
    """The truths on disk; a line that was cut off is left out."""
    kept: dict[str, float] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            stored: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            continue
        if stored["setup"] == SETUP:
            kept[key(stored["params"])] = stored["true"]
    return kept
