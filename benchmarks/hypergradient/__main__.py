"""Measures hypergradients and writes the tables.

python -m benchmarks.hypergradient                  everything, some minutes; writes benchmarks/results/hypergradient
python -m benchmarks.hypergradient --only torch     one part
python -m benchmarks.hypergradient --quick          a smoke run of a few seconds; writes nothing
python -m benchmarks.hypergradient --only peers --envs DIR   other tools, each in a virtual environment under DIR, made where missing
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import trimtab
from benchmarks.tables import markdown

RESULTS = Path(__file__).resolve().parents[1] / "results" / "hypergradient"
Tables = dict[str, list[dict[str, object]]]


def _sklearn(quick: bool, envs: Path | None) -> Tables:
    from benchmarks.hypergradient import sklearn_mlp

    return sklearn_mlp.measure(quick)


def _torch(quick: bool, envs: Path | None) -> Tables:
    from benchmarks.hypergradient import torch_training

    return torch_training.measure(quick)


def _peers(quick: bool, envs: Path | None) -> Tables:
    from benchmarks.hypergradient import torch_peers

    return torch_peers.measure(quick, envs)


# name: what measures it, packages that matter
PARTS: dict[str, tuple[Callable[[bool, Path | None], Tables], tuple[str, ...]]] = {
    "sklearn": (_sklearn, ("scikit-learn", "numpy")),
    "torch": (_torch, ("torch", "numpy")),
    "peers": (_peers, ("torch",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: few repeats, small sizes, nothing is written"
    )
    parser.add_argument("--only", choices=list(PARTS), help="one part")
    parser.add_argument(
        "--envs", type=Path, help="folder of the other tools' virtual environments; without it ours alone run"
    )
    arguments = parser.parse_args()
    for part in [arguments.only] if arguments.only else list(PARTS):
        measure, packages = PARTS[part]
        if missing := [name for name in packages if find_spec(name.replace("scikit-learn", "sklearn")) is None]:
            print(f"{part}: skipped, because {missing[0]} is not installed.")
            continue
        tables = measure(arguments.quick, arguments.envs)
        text = "\n\n".join(f"## {title}\n\n{markdown(rows)}" for title, rows in tables.items())
        print(text, flush=True)
        if arguments.quick:
            continue
        RESULTS.mkdir(parents=True, exist_ok=True)
        with_what = {"trimtab": trimtab.__version__, "python": platform.python_version()}
        with_what |= {name: version(name) for name in packages}
        (RESULTS / f"{part}.json").write_text(json.dumps({**with_what, **tables}, indent=1) + "\n")
        told = ", ".join(f"{name} {number}" for name, number in with_what.items())
        head = f"Written by `python -m benchmarks.hypergradient --only {part}` ({told}).\n\n"
        (RESULTS / f"{part}.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
