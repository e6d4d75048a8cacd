"""One campaign of kills. Everything but the storage is forked, not imported: a round takes some ten milliseconds."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import time
from contextlib import closing
from typing import NoReturn

from trimtab.records import Created, Finished, Started
from trimtab.storage import SQLite
from trimtab.storage import _wal as wal

__all__ = ["campaign"]

WRITERS = 2
GROWN = 100_000  # bytes of the log that are moved into the file: often, so that kills meet it
OPENING = 0.25  # share of the kills that come while the writer opens the file
LATEST = 0.02  # seconds from the first acknowledged append to the latest kill


def campaign(path: str, kills: int, seed: int) -> dict[str, int]:
    """Kill so many writers. Raises AssertionError where something acknowledged is missing or the file is not whole.

    Returns how many kills there were, how many of them before the first append, and how many appends were acknowledged.
    """
    rng = random.Random(seed)
    state = {name: _Study(name) for name in ("one", "two")[:WRITERS]}
    done = early = 0
    while done < kills:
        writers = [(study, *_begin(path, study)) for study in state.values()]
        rng.shuffle(writers)
        for study, child, acks in writers:
            if rng.random() < OPENING:
                time.sleep(rng.uniform(0.0, LATEST))
            else:
                select.select([acks], [], [], 30.0)
                time.sleep(rng.uniform(0.0, LATEST))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with os.fdopen(acks) as lines:
                told = [int(line) for line in lines if line.endswith("\n")]
            early += not told
            study.acknowledged += told
            done += 1
        _look(path, list(state.values()))
    return {"kills": done, "before the first append": early, "acknowledged": sum(s.told for s in state.values())}


class _Study:
    """What is known of one study: its next trial, what was acknowledged since the last look, how much in all."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.next = self.position = self.told = 0
        self.acknowledged: list[int] = []


def _begin(path: str, study: _Study) -> tuple[int, int]:
    """A writer of this study, and where it tells what is stored."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _write(path, study, writing)
    os.close(writing)
    return child, reading


def _write(path: str, study: _Study, acks: int) -> NoReturn:
    wal.GROWN = GROWN
    try:
        storage = SQLite(path)
        for number in range(study.next, study.next + 1_000_000):
            begun = Started(number, 0, {"pid": 1}, 0.0)
            storage.append(study.name, [Created(number, {"x": "y" * 500}, "sampler", 0.0), begun])
            storage.append(study.name, [Finished(number, "finished", 1.0, 0.0, None, 0.0)])
            os.write(acks, b"%d\n" % number)
    finally:
        os._exit(1)


def _look(path: str, studies: list[_Study]) -> None:
    """The file after the kills: whole, and nothing that was acknowledged is missing."""
    if not os.path.exists(path):
        assert not any(study.acknowledged for study in studies), "the file is gone"
        return
    with closing(SQLite(path)) as storage:
        for study in studies:
            events, study.position = storage.read(study.name, study.position)
            keys = {(event.kind, event.number) for event in events}
            for number in study.acknowledged:
                assert {("created", number), ("started", number), ("finished", number)} <= keys, (
                    f"trial {number} of {study.name!r} was acknowledged and is not in the file"
                )
            for kind, number in keys:
                assert kind != "created" or ("started", number) in keys, f"half of an append: trial {number}"
            study.next = max((number + 1 for kind, number in keys if kind == "created"), default=study.next)
            study.told += len(study.acknowledged)
            study.acknowledged = []
    with closing(sqlite3.connect(path)) as db:
        answer = db.execute("PRAGMA integrity_check").fetchone()
        assert answer == ("ok",), f"the file is damaged: {answer}"
