"""`trimtab doctor`: what works here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from trimtab._version import __version__
from trimtab.cli._output import clean, print_json, print_table, say
from trimtab.cli._view import json_option

__all__ = ["Check", "doctor"]

_NEEDED = {  # distribution: module
    "numpy": "numpy",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "click": "click",
    "rich": "rich",
    "plotly": "plotly",
    "cloudpickle": "cloudpickle",
}
_OPTIONAL = {  # distribution: module, what it brings, how to get it
    "pandas": ("pandas", "tables as DataFrames (to_pandas)", "trimtab[pandas]"),
    "PyYAML": ("yaml", "settings files in YAML", "trimtab[yaml]"),
    "cmaes": ("cmaes", "the sampler CMA-ES", "trimtab[cmaes]"),
    "pyarrow": ("pyarrow", "Parquet files (trimtab export)", "trimtab[parquet]"),
    "psycopg": ("psycopg", "studies in PostgreSQL, for many machines", "trimtab[postgres]"),
    "ray": ("ray", "trials on a Ray cluster", "trimtab[ray]"),
    "distributed": ("distributed", "trials on a Dask cluster", "trimtab[dask]"),
    "mlflow-skinny": ("mlflow", "trials as MLflow runs", "trimtab[mlflow]"),
    "tensorboard": ("tensorboard", "trials for TensorBoard", "trimtab[tensorboard]"),
    "torch": ("torch", "tuning of PyTorch networks", "trimtab[torch]"),
}
_WAL_RESET_FIXED = (3, 51, 3)
_WAL_BEGINS = (3, 7, 0)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    state: ok; missing (an optional part); note (works, but know this); bad (needed, and broken).
    """

    name: str
    state: Literal["ok", "note", "missing", "bad"]
    found: str
    remedy: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """What works here: versions, SQLite, the file system of this folder, optional parts and the command that installs
    each.

    Changes nothing: the small database that it tries in the current folder is removed again. The exit code is 0
    unless something that
    trimtab needs is broken. Add its output when you report a problem.

    \b
    Examples:
      trimtab doctor
      trimtab doctor --json > doctor.json
    """
    checks = _checks()
    broken = [c.name for c in checks if c.state == "bad"]
    if as_json:
        print_json({"works": not broken, "trimtab": __version__, "checks": [asdict(c) for c in checks]})
    else:
        _print_checks(checks, broken)
    if broken:
        raise click.exceptions.Exit(1)


def _checks() -> list[Check]:
    steps: list[Callable[[], Check]] = [
        _trimtab,
        _python,
        *(_needed(d, m) for d, m in _NEEDED.items()),
        _sqlite,
        _file_system,
        _cores,
        _workers,
    ]
    return [step() for step in steps] + [_optional(d, *about) for d, about in _OPTIONAL.items()]


def _print_checks(checks: list[Check], broken: list[str]) -> None:
    print_table(("", "part", "found"), [[_sign(c), c.name, c.found] for c in checks if c.state != "missing"])
    missing = [c for c in checks if c.state == "missing"]
    if missing:
        say()
        print_table(
            ("part", "it brings", "install it with"),
            [[c.name, c.found, c.remedy] for c in missing],
            title="Optional, not installed",
        )
    for check in checks:
        if check.remedy and check.state in ("note", "bad"):
            say()
            from trimtab.cli._output import say_wrapped

            say_wrapped(f"{check.name}: {clean(check.remedy)}")
    say()
    say(f"Broken: {', '.join(broken)}." if broken else "Everything that trimtab needs works here.", bold=True)


def _sign(check: Check) -> str:
    return {"ok": "ok", "note": "note", "bad": "BROKEN", "missing": "-"}[check.state]


def _trimtab() -> Check:
    import trimtab

    return Check("trimtab", "ok", f"{__version__} in {Path(trimtab.__file__).parent}")


def _python() -> Check:
    kind = f"{platform.python_implementation()}, {platform.system()} {platform.machine()}"
    found = f"{platform.python_version()} ({kind}) {sys.executable}"
    return Check("Python", "ok" if sys.version_info >= (3, 11) else "bad", found, "trimtab needs Python 3.11 or later.")


def _needed(distribution: str, module: str) -> Callable[[], Check]:
    """A check that really imports the module: an installed package may still be broken."""

    def check() -> Check:
        remedy = f"Install it again with: python -m pip install --force-reinstall {distribution}"
        try:
            importlib.import_module(module)
            return Check(distribution, "ok", importlib.metadata.version(distribution))
        except Exception as error:
            return Check(distribution, "bad", f"{type(error).__name__}: {error}", remedy)

    return check


def _optional(distribution: str, module: str, brings: str, extra: str) -> Check:
    """Looked for, not imported: torch alone takes seconds."""
    if importlib.util.find_spec(module) is None:
        return Check(distribution, "missing", brings, f"python -m pip install '{extra}'")
    try:
        return Check(distribution, "ok", importlib.metadata.version(distribution))
    except importlib.metadata.PackageNotFoundError:
        return Check(distribution, "ok", "installed, version unknown")


def _sqlite() -> Check:
    version = sqlite3.sqlite_version
    found = f"{version} (Python's sqlite3)"
    if sqlite3.sqlite_version_info < _WAL_BEGINS:
        return Check(
            "SQLite",
            "bad",
            found,
            "trimtab keeps studies in SQLite's write-ahead log, which needs SQLite 3.7.0 or later.",
        )
    if sqlite3.sqlite_version_info < _WAL_RESET_FIXED:
        remedy = (
            "versions 3.7.0 to 3.51.2 can, very rarely, lose commits when one process copies the write-ahead log into "
            "the file while another commits (the WAL-reset bug, https://www.sqlite.org/wal.html). trimtab's own processes "
            "never do both at once; leave a study's file alone in other programs that write while it runs."
        )
        return Check("SQLite", "note", found, remedy)
    return Check("SQLite", "ok", found)


def _file_system() -> Check:
    """Tries a small database with a write-ahead log in the current folder, and removes it."""
    from trimtab.storage import network_file_system

    folder = os.getcwd()
    kind = network_file_system(folder)
    if kind is not None:
        remedy = (
            "it is a network file system, where SQLite's write-ahead log does not work. "
            "Keep studies on a local disk, such as /tmp/study.db."
        )
        return Check("this folder", "note", f"{folder} ({kind})", remedy)
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".trimtab-doctor-") as place,
            closing(sqlite3.connect(Path(place) / "try.db")) as db,
        ):
            (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
            db.execute("CREATE TABLE t (x)")
            db.execute("INSERT INTO t VALUES (1)")
            db.commit()
            with closing(sqlite3.connect(Path(place) / "try.db")) as other:
                seen = other.execute("SELECT x FROM t").fetchall()
    except (OSError, sqlite3.Error) as error:
        return Check(
            "this folder",
            "note",
            f"{folder}: {error}",
            "no study can be kept here. Go to a folder where you may write.",
        )
    if mode != "wal" or seen != [(1,)]:
        return Check(
            "this folder", "note", f"{folder}: no write-ahead log", "no study can be kept here. Choose a local disk."
        )
    return Check("this folder", "ok", f"{folder}: studies can be kept here")


def _cores() -> Check:
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = {
        name: os.environ[name]
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        if name in os.environ
    }
    return Check(
        "processor",
        "ok",
        f"{n} core{'s' * (n != 1)} for this process{''.join(f', {k}={v}' for k, v in limits.items())}",
    )


def _workers() -> Check:
    """Whether workers=2 could work: starts one Python process."""
    import subprocess

    try:
        subprocess.run([sys.executable, "-c", "import trimtab"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(
            "processes",
            "bad",
            f"{type(error).__name__}: {error}",
            "a new Python process cannot import trimtab: workers=2 would fail.",
        )
    return Check("processes", "ok", "a new Python process can import trimtab (workers=N)")
