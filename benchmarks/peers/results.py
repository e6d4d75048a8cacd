"""Finished runs as JSON lines, one file a tool."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.running import Job

__all__ = ["append", "drop", "job_of", "read", "stored_peers"]

Run = dict[str, Any]


def read(folder: Path, tools: Iterable[str] | None = None) -> list[Run]:
    """The runs of these tools (None: of all), one for each Job: the latest. A last line that was cut off is left out."""
    files = sorted(folder.glob("*.jsonl")) if tools is None else [folder / f"{tool}.jsonl" for tool in tools]
    runs: dict[Job, Run] = {}
    for file in files:
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                run = json.loads(line)
            except json.JSONDecodeError:
                continue
            runs[job_of(run)] = run
    return list(runs.values())


def stored_peers(path: Path) -> list[Run]:
    """The runs of peers that come with the data. `optuna-random` is our `random`."""
    runs = [json.loads(line) for line in path.read_text().splitlines()]
    return [{**run, "tool": run["peer"].replace("optuna-random", "random")} for run in runs]


def append(folder: Path, run: Run) -> None:
    """Adds a finished run, on a line of its own even after one that was cut off."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run['tool']}.jsonl"
    cut_off = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a") as file:
        file.write("\n" * cut_off + json.dumps(run, separators=(",", ":")) + "\n")


def drop(folder: Path, jobs: Collection[Job]) -> None:
    """Takes the runs of these jobs out of the files."""
    for tool in {job.tool for job in jobs}:
        path = folder / f"{tool}.jsonl"
        if path.exists():
            kept = [run for run in read(folder, [tool]) if job_of(run) not in jobs]
            part = path.with_suffix(".part")
            part.write_text("".join(json.dumps(run, separators=(",", ":")) + "\n" for run in kept))
            part.replace(path)


def job_of(run: Run) -> Job:
    return Job(run["tool"], run["task"], run["seed"], run["budget"])
