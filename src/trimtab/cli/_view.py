"""What several commands show of a stored study: how it is opened, its goals and state in a line, failures by reason."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trimtab.cli._output import clean, print_table, say
from trimtab.errors import InputError

if TYPE_CHECKING:
    from trimtab.records import Trial, TrialTable
    from trimtab.storage import Storage
    from trimtab.study import Study

__all__ = [
    "Failure",
    "analysed_table",
    "failures",
    "failures_among",
    "goals_text",
    "interrupted_text",
    "json_option",
    "name_option",
    "objective_option",
    "open_file",
    "open_study",
    "print_failures",
    "sampler_text",
    "state_counts",
    "state_text",
]

name_option = click.option(
    "--name", metavar="STUDY", help="Which study, if the file holds several. `trimtab show FILE` lists them."
)
objective_option = click.option(
    "--objective", metavar="OUTCOME", help="Which objective, or limited outcome, of a study that has several."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")

_LONGEST_REASON = 500  # characters
_LONGEST_ERROR = 20_000  # characters of an error that are looked at
_NUMBERS = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


def open_file(path: str) -> Storage:
    """A storage to look at, a file or a URL, its content checked as it is read.

    InputError if there is no such file, StorageError if it holds no studies.
    """
    from trimtab.storage import Checked, open_storage

    file = path.removeprefix("sqlite:///")
    if os.path.isdir(file):
        raise InputError(f"{file!r} is a folder. Name a file with studies{_nearby(Path(file))}")
    if "://" not in file and not os.path.exists(file):
        raise InputError(f"There is no file {file!r}. Name a file with studies{_nearby(Path(file).parent)}")
    return Checked(open_storage(path, must_exist=True, readonly=True))


def open_study(path: str, name: str | None) -> Study:
    """A stored study to look at. InputError names the studies of the file where `name` does not decide."""
    from trimtab.study import Study

    storage = open_file(path)
    names = storage.names()
    shown = ", ".join(map(repr, names))
    if not names:
        raise InputError(f"{storage.describe()} holds no study yet.")
    if name is None and len(names) > 1:
        raise InputError(f"{storage.describe()} holds {len(names)} studies: {shown}. Say which one with --name.")
    if name is not None and name not in names:
        raise InputError(f"{storage.describe()} holds no study named {name!r}. It holds: {shown}.")
    return Study.load(storage, name)


def analysed_table(study: Study, objective: str | None) -> TrialTable:
    """The trials with the one outcome that an analysis looks at. InputError where `objective` does not decide."""
    goals = study.goals
    if objective is None and goals.m > 1:
        raise InputError(f"The study has {goals.m} objectives. Say which: --objective {goals.objectives[0]}.")
    return study.table if objective is None else study.table.of_outcome(objective)


def _nearby(folder: Path) -> str:
    """Names of files that could be meant."""
    try:
        found = sorted(p.name for p in folder.iterdir() if p.suffix in (".db", ".sqlite", ".sqlite3"))
    except OSError:
        found = []
    return (
        f". In that folder: {', '.join(found[:8])}."
        if found
        else ", such as the one that `trimtab demo` or `trimtab run` wrote."
    )


def state_counts(study: Study) -> dict[str, int]:
    """Number of trials in each state that occurs."""
    from trimtab.records import STATES

    counts = Counter(study.table.state.tolist())
    return {name: counts[code] for code, name in enumerate(STATES) if counts[code]}


def state_text(study: Study) -> str:
    """30 trials: 28 finished, 2 failed."""
    counts = state_counts(study)
    n = sum(counts.values())
    parts = ", ".join(f"{count} {'waiting' if state == 'created' else state}" for state, count in counts.items())
    return f"{n} trial{'s' * (n != 1)}{': ' + parts if parts else ''}"


def goals_text(study: Study) -> str:
    """minimize; or with names: minimize error, minimize latency; memory <= 8."""
    from trimtab.records import Goals

    return study.direction if study.goals == Goals.of(study.direction) else clean(study.goals)


def sampler_text(study: Study) -> str:
    """The sampler that made the study, and for "auto" what it chooses now, and why."""
    stored = str(study.settings["sampler"])
    return f"auto, now {study.sampler_choice}" if stored.startswith("Auto(") else stored


def interrupted_text(study: Study) -> str:
    """What an interruption left behind, and how to go on."""
    counts = state_counts(study)
    waiting = counts.get("created", 0)
    ended = sum(counts.values()) - waiting - counts.get("running", 0)
    back = f", {waiting} that ran will be tried again" if waiting else ""
    kept = f"{ended} trial{'s are' if ended != 1 else ' is'} kept in {clean(study.storage.describe())}"
    return f"Interrupted: {kept}{back}. The same command goes on."


@dataclass(frozen=True)
class Failure:
    """Failed trials with one reason. example: the full text of the newest."""

    reason: str
    numbers: tuple[int, ...]
    example: str


def failures(trials: Sequence[Trial]) -> list[Failure]:
    """Failed trials grouped by reason (last line of the error, its numbers aside), the most frequent first."""
    return failures_among((t.number, t.error) for t in trials if t.state == "failed")


def failures_among(failed: Iterable[tuple[int, str | None]]) -> list[Failure]:
    """`failures`, of number and error of each failed trial."""
    groups: dict[str, list[tuple[int, str | None]]] = {}
    for number, error in failed:
        groups.setdefault(_NUMBERS.sub("#", _reason(error)), []).append((number, error))
    found = [
        Failure(_reason(group[-1][1]), tuple(number for number, _ in group), group[-1][1] or "")
        for group in groups.values()
    ]
    return sorted(found, key=lambda f: (-len(f.numbers), f.numbers))


def _reason(error: str | None) -> str:
    lines = [line.strip() for line in (error or "")[-_LONGEST_ERROR:].splitlines() if line.strip()]
    return lines[-1][:_LONGEST_REASON] if lines else "no reason was recorded"


def print_failures(trials: Sequence[Trial], most: int = 5) -> None:
    """Failures by reason; nothing if none failed."""
    groups = failures(trials)
    if not groups:
        return
    rows = [[str(len(g.numbers)), _numbers(g.numbers), g.reason] for g in groups[:most]]
    print_table(("count", "trials", "reason"), rows, right=("count",), title="Failures by reason (of the newest)")
    if len(groups) > most:
        say(f"  and {len(groups) - most} more reasons")


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:4])) + (", ..." if len(numbers) > 4 else "")
