"""Which analyses are scored: ours as functions of a table, others' as drivers in their own environments.

A further one of ours is a line: "trimtab-fanova": Analysis(lambda table, scale: found(tt.sensitivity.fanova(table, scale=scale))).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

import trimtab as tt
from benchmarks.peers.driving import DriverError, Process, commit
from benchmarks.peers.spaces import Params, Plain, floating
from benchmarks.quality.anova import on_scale
from trimtab.records import TrialTable

__all__ = ["ANALYSES", "Analysis", "Analyst", "Others", "Ours", "Place", "found", "is_ours", "table_of"]

HERE = Path(__file__).resolve().parent
Found = dict[
    str, Any
]  # main, total: (d,) lists or None; main_interval, total_interval: [low, high]; pair, pair_interval; verdicts


@dataclass(frozen=True, slots=True)
class Analysis:
    """function: of one of ours. Otherwise driver, arguments and env (requirements/<env>.txt; None: this Python) as for `peers.Tool`.

    most: the largest number of knobs it is asked for.
    """

    function: Callable[[TrialTable, str], Found] | None = None
    driver: str = ""
    arguments: tuple[str, ...] = ()
    env: str | None = None
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """envs: folder of the others' virtual environments. limit: seconds after which one of their processes is given up."""

    envs: Path | None = None
    limit: float = 36_000.0


def found(result: Any) -> Found:
    """What is kept of a result of ours: shares, intervals and verdicts, as far as it has them."""
    kept: Found = {}
    for name in ("main", "total"):
        if hasattr(result, name):
            kept[name] = _short(getattr(result, name))
        if hasattr(result, f"{name}_low"):
            kept[f"{name}_interval"] = [_short(getattr(result, f"{name}_{end}")) for end in ("low", "high")]
    if hasattr(result, "verdicts"):
        kept["verdicts"] = [text.partition(":")[0] for text in result.verdicts.values()]
    pairs = getattr(result, "interactions", None)
    if pairs is not None and len(result.parameters) <= 10:
        place = {name: j for j, name in enumerate(result.parameters)}
        kept["pairs"] = [[place[a], place[b]] for a, b in zip(pairs.first, pairs.second, strict=True)]
        kept["pair_interval"] = [_short(pairs.low, 3), _short(pairs.high, 3)]
    return kept


ANALYSES: dict[str, Analysis] = {
    "trimtab": Analysis(lambda table, scale: found(tt.sensitivity.sobol(table, scale=scale))),
    **{f"optuna-{e}": Analysis(None, "optuna_", ("--evaluator", e), "optuna") for e in ("fanova", "ped", "mdi")},
    **{
        f"salib-{m}": Analysis(None, "salib_", ("--method", m), "salib")
        for m in ("delta", "delta-s1", "rbd-fast", "pawn")
    },
    "hypershap": Analysis(None, "hypershap_", (), "hypershap", most=10),
    "equal": Analysis(None, "equal_"),
}


def is_ours(name: str) -> bool:
    return name.startswith("trimtab")


def table_of(space: Plain, params: Sequence[Params], values: Sequence[float]) -> TrialTable:
    """The trials as our table."""
    ours = tt.Space({p["name"]: _parameter(p) for p in space})
    return TrialTable.of(ours, ours.encode([dict(p) for p in params]), np.array(values))


class Ours:
    """One of ours, in this process. The first call is paid for in advance, as the others' imports are."""

    def __init__(self, name: str) -> None:
        function = ANALYSES[name].function
        assert function is not None
        self._function = function
        self.version = f"{tt.__version__}+{commit(HERE.parents[1] / 'src')}"
        u = np.random.default_rng(0).random(12)
        function(
            table_of([floating("a", 0.0, 1.0), floating("b", 0.0, 1.0)], [{"a": x, "b": 1 - x} for x in u], list(u)),
            "rank",
        )

    def analyse(self, space: Plain, params: Sequence[Params], values: Sequence[float], scale: str, seed: int) -> Found:
        """Shares and seconds; ours need no seed."""
        table = table_of(space, params, values)
        before = time.process_time()
        answer = self._function(table, scale)
        return answer | {"seconds": time.process_time() - before}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Others(Process):
    """Another tool's process. It gets the values on the scale already, ranks being those among the trials: a favour to it."""

    def __init__(self, name: str, place: Place) -> None:
        analysis = ANALYSES[name]
        script = HERE / "drivers" / f"{analysis.driver}.py"
        super().__init__(name, _python(name, place.envs), script, analysis.arguments, None, place.limit)
        try:
            self.version = str(self._request({"op": "start"})["version"])
        except DriverError:
            self.close()
            raise

    def analyse(self, space: Plain, params: Sequence[Params], values: Sequence[float], scale: str, seed: int) -> Found:
        """Its shares, which count as total and as main ones, and seconds. DriverError if it failed."""
        scaled = [float(v) for v in on_scale(np.array(values), scale)]
        answer = self._request(
            {"op": "analyse", "space": space, "params": list(params), "values": scaled, "seed": seed}
        )
        return {"total": _short(np.array(answer["shares"])), "seconds": answer["seconds"]}


class Analyst:
    """An analysis that starts its process when it is first asked, and anew after an error."""

    def __init__(self, name: str, place: Place) -> None:
        self._name, self._place = name, place
        self._running: Ours | Others | None = None

    def analyse(
        self, space: Plain, params: Sequence[Params], values: Sequence[float], scale: str, seed: int
    ) -> tuple[str, Found]:
        """The tool's version and what it found. DriverError if it failed."""
        if self._running is None:
            ours = ANALYSES[self._name].function is not None
            self._running = Ours(self._name) if ours else Others(self._name, self._place)
        try:
            return self._running.version, self._running.analyse(space, params, values, scale, seed)
        except DriverError:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.__exit__(kind, error, trace)
            self._running = None


def _python(name: str, envs: Path | None) -> Path:
    env = ANALYSES[name].env
    if env is None:
        return Path(sys.executable)
    if envs is None:
        raise DriverError(f"{name} runs in a virtual environment of its own. Say where: --envs DIR.")
    python = envs.resolve() / env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        raise DriverError(f"{name} has no {python}. Make it: python -m benchmarks.quality setup --envs {envs} {name}")
    return python


def _parameter(p: dict[str, Any]) -> Any:
    if p["kind"] == "choice":
        return tt.Categorical(p["choices"])
    return (tt.Float if p["kind"] == "float" else tt.Int)(p["low"], p["high"], log=p["log"])


def _short(values: np.ndarray, digits: int = 4) -> list[float | None]:
    return [None if not np.isfinite(v) else round(float(v), digits) for v in values]
