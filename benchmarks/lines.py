"""Results as JSON lines: one row a run, appended as soon as it is known, so that a benchmark resumes where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["append", "keep", "paired", "read"]


def read(path: Path) -> list[dict[str, Any]]:
    """All whole rows of a file; none where there is no file. A line that was cut off by a kill is left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Write one row at the end; a last line that was cut off is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a") as file:
        file.write(("\n" if cut else "") + json.dumps(row) + "\n")


def keep(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Leave only these rows in the file."""
    if path.exists():
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def paired(
    ours: Mapping[Hashable, float], theirs: Mapping[Hashable, float], keys: Iterable[Hashable] | None = None
) -> tuple[float, float, int]:
    """Mean of ours - theirs over the runs that both made, its standard error, and how many runs; NaN where there are too few."""
    both = [k for k in (ours if keys is None else keys) if k in ours and k in theirs]
    differences = np.array([ours[k] - theirs[k] for k in both])
    n = len(differences)
    mean = float(differences.mean()) if n else float("nan")
    error = float(differences.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return mean, error, n
