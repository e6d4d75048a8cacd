"""What is tuned: tables and a surrogate of real networks, real training runs, and a made-up task for tests.

    fcnet     2 full grids of 62,208 networks, 4 seeds each; truth: the mean of the seeds; regret on log10 of the loss
    hpobench  4 full grids of 30,000 networks, 5 seeds each; 1 - validation accuracy
    lcbench   6 tasks of a model fitted to LCBench (no noise), against 20,000 random configurations; epoch 52, -accuracy in %
    mlp       real training runs of scikit-learn's MLPClassifier on its own data sets (see `mlp`)
    toy       made up, needs no data

An evaluation of a table draws one stored seed. Numeric grids are offered as whole numbers 0..K-1 in order, words as choices; the
surrogate's parameters as they are, on a log scale where its own description says so.
"""

from __future__ import annotations

import functools
import importlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.peers.spaces import Params, Plain, choice, draw, floating, whole
from benchmarks.peers.yardstick import Yardstick

__all__ = ["FAMILIES", "Grid", "MissingData", "Surrogate", "Task", "Toy", "data_folder", "load", "task_names"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "fcnet": ("protein_structure", "parkinsons_telemonitoring"),
    "hpobench": ("car", "kc1", "vehicle", "australian"),
    "lcbench": ("3945", "126025", "146212", "167152", "167181", "167190"),
    "mlp": ("digits", "wine", "breast_cancer"),
    "toy": ("mixed",),
}
NEEDS = "python -m pip install -r benchmarks/peers/requirements/runner.txt"


class MissingData(RuntimeError):
    """A task's data or the package that reads it is not here."""


class Task(Protocol):
    """observe: one noisy evaluation, minimised. truth: the value without noise. tries: truth is cheap enough for every trial."""

    name: str
    family: str
    space: Plain
    tries: bool

    def observe(self, params: Params, rng: np.random.Generator) -> float: ...
    def truth(self, params: Params) -> float: ...
    def quantile(self, true: float) -> float: ...
    def regret(self, true: float) -> float: ...


class Grid(Yardstick):
    """A full table. values: (product of levels, seeds) in C order of the grid's axes."""

    tries = True

    def __init__(self, family: str, name: str, axes: dict[str, list[Any]], values: np.ndarray, log: bool) -> None:
        self.family, self.name = family, f"{family}:{name}"
        self._axes, self._values, self._true = axes, values, values.mean(axis=1)
        self.space = [choice(k, v) if isinstance(v[0], str) else whole(k, 0, len(v) - 1) for k, v in axes.items()]
        super().__init__(self._true, log)

    @property
    def tensor(self) -> np.ndarray:
        """Every stored value: one axis a parameter, the last one the seeds."""
        return self._values.reshape([*(len(v) for v in self._axes.values()), -1])

    def observe(self, params: Params, rng: np.random.Generator) -> float:
        return float(self._values[self._row(params), rng.integers(self._values.shape[1])])

    def truth(self, params: Params) -> float:
        return float(self._true[self._row(params)])

    def _row(self, params: Params) -> int:
        at = [v.index(params[k]) if isinstance(v[0], str) else params[k] for k, v in self._axes.items()]
        return int(np.ravel_multi_index(at, [len(v) for v in self._axes.values()]))


class Surrogate(Yardstick):
    """One task of the model fitted to LCBench: deterministic, so truth and observation are the same."""

    family, tries = "lcbench", True
    ORDER = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
    EPOCH, N_REFERENCE, SEED = 52, 20_000, 20_000

    def __init__(self, name: str, folder: Path) -> None:
        ort = _package("onnxruntime", self.family)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.name = f"{self.family}:{name}"
        self._session = ort.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self._code = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"][name]
        stored = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
        self.space = [_as_plain(p) for p in sorted(stored, key=lambda p: p["name"]) if p["name"] in self.ORDER]
        super().__init__(self._predict(draw(self.space, self.N_REFERENCE, np.random.default_rng(self.SEED))))

    def observe(self, params: Params, rng: np.random.Generator) -> float:
        return self.truth(params)

    def truth(self, params: Params) -> float:
        return float(self._predict([params])[0])

    def _predict(self, configurations: Sequence[Params]) -> np.ndarray:
        x = np.array([[self.EPOCH, *(p[k] for k in self.ORDER)] for p in configurations], dtype=np.float32)
        tasks = np.full((len(x), 1), self._code, dtype=np.int32)
        answer: np.ndarray = self._session.run(None, {"x_cat": tasks, "x_cont": x})[0]
        return -answer[:, 1].astype(float)


class Toy(Yardstick):
    """A bowl with a step and some noise over one parameter of each kind: for tests and for trying a driver by hand."""

    family, name, tries = "toy", "toy:mixed", True

    def __init__(self) -> None:
        self.space = [floating("rate", 1e-4, 1.0, log=True), whole("units", 1, 8), choice("kind", ("a", "b", "c"))]
        reference = draw(self.space, 2_000, np.random.default_rng(2_000))
        super().__init__(np.array([self.truth(p) for p in reference]))

    def observe(self, params: Params, rng: np.random.Generator) -> float:
        return self.truth(params) + 0.01 * float(rng.standard_normal())

    def truth(self, params: Params) -> float:
        far: float = (math.log10(params["rate"]) + 2.0) ** 2 + 0.1 * (params["units"] - 5) ** 2
        return 1.0 + far + {"a": 0.0, "b": 0.3, "c": 1.0}[params["kind"]]


def task_names(families: Sequence[str]) -> list[str]:
    """ "family:name" of every task of the families. ValueError lists the known ones."""
    unknown = [f for f in families if f not in FAMILIES]
    if unknown:
        raise ValueError(f"There is no family {', '.join(unknown)}; known: {', '.join(FAMILIES)}.")
    return [f"{family}:{name}" for family in families for name in FAMILIES[family]]


@functools.cache
def load(name: str) -> Task:
    """The task of a "family:name". MissingData says what is missing."""
    family, _, short = name.partition(":")
    if short not in FAMILIES.get(family, ()):
        raise ValueError(f"There is no task {name!r}; known: {', '.join(task_names(list(FAMILIES)))}.")
    if family == "toy":
        return Toy()
    if family == "mlp":
        from benchmarks.peers.mlp import Training

        return Training(short)
    if family == "lcbench":
        return Surrogate(short, data_folder("lcbench_surrogate"))
    return _table(family, short)


def data_folder(part: str) -> Path:
    """A folder of the development data: in $TRIMTAB_BENCH_DATA, else in ../shared/data beside the checkout."""
    stated = os.environ.get("TRIMTAB_BENCH_DATA")
    root = Path(stated) if stated else Path(__file__).resolve().parents[3] / "shared" / "data"
    if not (root / part).is_dir():
        raise MissingData(
            f"The benchmark's data is missing: no folder {part} in {'TRIMTAB_BENCH_DATA' if stated else 'the default,'} {root}. "
            "Set TRIMTAB_BENCH_DATA to the folder that holds fcnet, hpobench_mlp and lcbench_surrogate, or leave these "
            "families out (--families mlp needs no data)."
        )
    return root / part


def _table(family: str, name: str) -> Grid:
    folder = data_folder({"fcnet": "fcnet", "hpobench": "hpobench_mlp"}[family])
    axes = json.loads((folder / "space.json").read_text())["search_space"]
    prefix = {"fcnet": "val_loss_s", "hpobench": "val_acc_s"}[family]
    _package("pyarrow", family)
    frame = _package("pandas", family).read_parquet(folder / f"{name}.parquet")
    values = frame[[c for c in frame.columns if c.startswith(prefix)]].to_numpy(dtype=float)
    return Grid(family, name, axes, values if family == "fcnet" else 1.0 - values, log=family == "fcnet")


def _as_plain(p: dict[str, Any]) -> dict[str, Any]:
    """A hyperparameter as ConfigSpace wrote it. Its bounds carry rounding, which is taken away."""
    if p["type"] == "uniform_int":
        return whole(p["name"], p["lower"], p["upper"], p["log"])
    return floating(p["name"], float(f"{p['lower']:.12g}"), float(f"{p['upper']:.12g}"), p["log"])


def _package(name: str, family: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingData(
            f"The family {family} needs {name}, which is not installed. Install it by: {NEEDS}"
        ) from error
