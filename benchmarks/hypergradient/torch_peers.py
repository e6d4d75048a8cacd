"""One problem, differentiated by each tool in a process of its own: seconds, value, and distance from central differences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.environments import make

__all__ = ["measure"]

HERE = Path(__file__).resolve().parent
TOOLS: dict[
    str, tuple[str | None, str, tuple[str, ...]]
] = {  # name: environment (None: this Python), driver, further arguments
    "central differences": (None, "differences_", ()),
    "trimtab forward": (None, "trimtab_", ("forward",)),
    "trimtab reverse": (None, "trimtab_", ("reverse",)),
    "trimtab implicit": (None, "trimtab_", ("implicit",)),
    "higher 0.2.1": ("peers", "higher_", ()),
    "TorchOpt 0.7.3": ("peers", "torchopt_", ()),
    "betty 0.1.1, Neumann": ("peers", "betty_", ()),
}


def measure(quick: bool, envs: Path | None) -> dict[str, list[dict[str, object]]]:
    """A table for each length of the training. Without `envs` only what this Python has is run."""
    tools = {name: tool for name, tool in TOOLS.items() if tool[0] is None or envs is not None}
    for env in {tool[0] for tool in tools.values()} - {None}:
        make(env, envs, HERE / "requirements")
    lengths = (20,) if quick else (100, 1000)
    return {
        f"One problem, {steps} steps, two hyperparameters (lr, l2), by each tool": _rows(
            tools, steps, 1 if quick else 3, envs
        )
        for steps in lengths
    }


def _rows(
    tools: dict[str, tuple[str | None, str, tuple[str, ...]]], steps: int, repeats: int, envs: Path | None
) -> list[dict[str, object]]:
    answers = {name: _answer(tool, steps, repeats, envs) for name, tool in tools.items()}
    truth = answers["central differences"]["gradient"]
    rows: list[dict[str, object]] = []
    for name, found in answers.items():
        row: dict[str, object] = {"tool": name, "CPU s": found.get("seconds")}
        for knob, slope in truth.items():
            got = found.get("gradient", {}).get(knob)
            row[f"d/d {knob}"] = got
            row[f"error of {knob}"] = None if got is None else abs(got - slope) / abs(slope)
        rows.append({**row, "said": found.get("error", "")})
    return rows


def _answer(tool: tuple[str | None, str, tuple[str, ...]], steps: int, repeats: int, envs: Path | None) -> dict:
    env, driver, more = tool
    python = (
        sys.executable
        if env is None
        else str(envs.resolve() / env / ("Scripts" if os.name == "nt" else "bin") / "python")
    )
    done = subprocess.run(
        [python, str(HERE / "drivers" / f"{driver}.py"), str(steps), str(repeats), *more],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["ended without a word"])[-1][:120]}
    return json.loads(done.stdout.strip().splitlines()[-1])
