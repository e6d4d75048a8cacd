"""`trimtab check`: whether a stored study is whole, and a repaired file from what can be read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from trimtab.cli._output import clean, print_json, say, say_wrapped
from trimtab.cli._view import json_option
from trimtab.errors import InputError

if TYPE_CHECKING:
    from trimtab.storage import open_storage
    from trimtab.storage._check import Checked, Repaired

__all__ = ["check"]


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--repair", "wants_repair", is_flag=True, help="Write a repaired file in its place; the original is kept."
)
@json_option
def check(file: str, wants_repair: bool, as_json: bool) -> None:
    """Whether a stored study is whole: the file, each of its rows, and the order of what they tell.

    Changes nothing without --repair. With it the original is kept as FILE.damaged-1, and FILE becomes a new file of all
    that can be read: rows are taken from damaged files page by page, what no trimtab wrote goes to FILE.rejected-1.jsonl,
    and where trials are lost the later ones move up. Stop what uses the file first.

    FILE is the SQLite file that storage="..." wrote, or the URL of a PostgreSQL database, whose logs are looked at; a database
    repairs itself.

    The exit code is 0 where all is well, now or after the repair, and 1 where it is not.

    \b
    Examples:
      trimtab check study.db
      trimtab check study.db --repair
      trimtab check study.db --json
    """
    from trimtab.storage._check import check_file, check_logs, repair

    path = file.removeprefix("sqlite:///")
    if "://" in path:
        if wants_repair:
            raise InputError("--repair is for SQLite files. A damaged PostgreSQL database is restored from a backup.")
        storage = open_storage(file, must_exist=True, readonly=True)  # unchecked: every fault is to be found
        found, shown = check_logs(storage), storage.describe()
        storage.close()
    else:
        found, shown = check_file(path), path
    repaired = repair(path) if wants_repair and found.faults else None
    left = check_file(path).faults if repaired is not None else found.faults
    if as_json:
        fixed = None if repaired is None else asdict(repaired)
        print_json({"file": shown, "whole": not left, **asdict(found), "repaired": fixed})
    else:
        _print(shown, found, repaired, left, "://" in path)
    if left:
        raise click.exceptions.Exit(1)


def _print(shown: str, found: Checked, repaired: Repaired | None, left: list[str], is_url: bool) -> None:
    trials = sum(found.studies.values())
    counts = f"{_n(len(found.studies), 'study', 'studies')}, {_n(trials, 'trial')}, {_n(found.events, 'event')}"
    say(f"{clean(shown)}: {counts}.")
    for name, n in found.studies.items():
        say(f"  study {clean(repr(name))}: {_n(n, 'trial')}")
    for note in found.notes:
        say_wrapped(f"Note: {clean(note)}.")
    if not found.faults:
        say("Nothing is wrong.", bold=True)
        return
    say("What is wrong:", bold=True)
    for fault in found.faults:
        say_wrapped(clean(fault), indent=2)
    if repaired is not None:
        _print_repair(repaired, left)
    elif not is_url:
        say_wrapped(f"To save what can be read: trimtab check {clean(shown)} --repair (the original is kept).")


def _print_repair(repaired: Repaired, left: list[str]) -> None:
    say("What was done:", bold=True)
    for remark in repaired.remarks:
        say_wrapped(clean(remark), indent=2)
    say_wrapped(f"the original is {clean(repaired.backup)}", indent=2)
    if repaired.rejected is not None:
        say_wrapped(f"what was left out is in {clean(repaired.rejected)}", indent=2)
    for name, n in repaired.studies.items():
        say(f"  study {clean(repr(name))}: {_n(n, 'trial')}")
    if left:
        say("What is still wrong:", bold=True)
        for fault in left:
            say_wrapped(clean(fault), indent=2)
    else:
        say("Nothing is wrong any more.", bold=True)


def _n(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"
