"""The contract of a storage: call `check_storage(MyStorage(...))` in a test of your own."""

from __future__ import annotations

import math
import threading

from trimtab.errors import Conflict, InputError
from trimtab.records import Created, Event, Finished, Opened, Released, Reported, Started
from trimtab.storage import Storage

__all__ = ["check_storage"]

_NASTY = "line\nNUL \0 quote ' \" backslash \\ \\u0000 half \udc80 emoji \U0001f9ed end"


def check_storage(storage: Storage) -> None:
    """Raises AssertionError, saying what is wrong, unless `storage` keeps the contract of `trimtab.storage.Storage`.

    storage: empty; what is written into it stays.
    """
    assert isinstance(storage, Storage), f"{type(storage).__name__} lacks a method of Storage"
    assert storage.names() == [], "check_storage needs an empty storage"
    _keeps_every_event(storage)
    _is_read_in_pieces(storage)
    _takes_all_or_none(storage)
    _refuses_what_is_no_json(storage)
    _keeps_studies_apart(storage)
    _serves_threads(storage)
    _keeps_signs_of_life(storage)
    assert storage.describe(), "describe() gives text for people"


def _keeps_every_event(storage: Storage) -> None:
    """Each kind of event, with content that is hard to store."""
    events: list[Event] = [
        Opened(0, {"space": {_NASTY: [1, 2.5, None, True, _NASTY]}, "direction": "minimize"}, 1.25),
        Created(0, {"a": 1, "b": 0.1, "c": _NASTY}, "sampler", 2.0),
        Started(0, 0, {"host": _NASTY, "pid": 1}, 3.0),
        Reported(0, 0, (1.0,), (0.5,), 4.0),
        Reported(0, 1, (2.0, 3.0), (math.inf, -math.inf), 4.0),
        Released(0, 0, 5.0),
        Started(0, 1, {}, 6.0),
        Finished(0, "failed", None, 0.25, _NASTY, 7.0),
        Created(1, {}, "user", 8.0),
        Finished(1, "finished", -1e-300, None, None, 9.0, None, {"lr": -1e300, "b": 5e-324}),
    ]
    storage.append(_NASTY, events)
    back, _ = storage.read(_NASTY)
    assert back == events, (
        f"events changed on their way: {[pair for pair in zip(events, back, strict=False) if pair[0] != pair[1]]}"
    )
    assert storage.names() == [_NASTY], "names() changed the name of a study"
    storage.append(_NASTY, [Reported(0, 2, (4.0,), (math.nan,), 10.0)])
    last = storage.read(_NASTY)[0][-1]
    assert isinstance(last, Reported), "events come in the order in which they were appended"
    assert math.isnan(last.values[0]), "a NaN that was reported comes back as one"


def _is_read_in_pieces(storage: Storage) -> None:
    """Reading on from a position gives what came since, once."""
    assert storage.read("pieces") == ([], 0), "an unknown study has no events"
    position, seen = 0, 0
    for number in range(4):
        after = storage.append("pieces", [Created(number, {}, "sampler", 0.0), Started(number, 0, {}, 0.0)])
        assert after in (-1, storage.read("pieces")[1]), "append() returns the position after its events, or -1"
        storage.append("another study", [Created(number, {}, "sampler", 0.0)])
        events, position = storage.read("pieces", position)
        assert [event.number for event in events] == [number, number], (
            "read(since) gives all that came since, and nothing else"
        )
        seen += len(events)
        assert storage.read("pieces", position) == ([], position), "reading again gives nothing new"
    assert len(storage.read("pieces")[0]) == seen == 8, "reading from the start gives everything"


def _takes_all_or_none(storage: Storage) -> None:
    """A key exists once; a refused append leaves nothing behind."""
    storage.append("once", [Created(0, {}, "sampler", 0.0)])
    for events in (
        [Created(1, {}, "sampler", 0.0), Created(0, {}, "sampler", 1.0)],
        [Created(2, {}, "sampler", 0.0), Created(2, {}, "sampler", 0.0)],
    ):
        try:
            storage.append("once", events)
        except Conflict as error:
            told = str(error)
        else:
            raise AssertionError("the same event was taken twice")
        assert "created" in told, f"Conflict says which event was there already, got {told!r}"
    assert [event.number for event in storage.read("once")[0]] == [0], "a refused append left events behind"
    storage.append("once", [])
    storage.append("nothing", [])
    assert "nothing" not in storage.names(), "a study begins with its first event"


def _refuses_what_is_no_json(storage: Storage) -> None:
    """NaN and objects are refused before anything is written."""
    good = Created(1, {}, "sampler", 0.0)
    for bad in (Created(2, {"a": object()}, "sampler", 0.0), Finished(0, "finished", math.nan, 0.0, None, 0.0)):
        try:
            storage.append("once", [good, bad])
        except InputError:
            continue
        raise AssertionError(f"{bad!r} is no plain JSON and was taken")
    assert len(storage.read("once")[0]) == 1, "a refused append left events behind"


def _keeps_studies_apart(storage: Storage) -> None:
    """The same key may exist in two studies; names are exact and in order."""
    for name in ("Case", "case", "case ", ""):
        storage.append(name, [Created(0, {"name": name}, "sampler", 0.0)])
    for name in ("Case", "case", "case ", ""):
        assert storage.read(name)[0] == [Created(0, {"name": name}, "sampler", 0.0)], (
            f"study {name!r} was mixed up with another"
        )
    assert storage.names()[-4:] == ["Case", "case", "case ", ""], "names() come in the order of creation"


def _serves_threads(storage: Storage) -> None:
    """Several threads race for the same numbers: each number is won once, and nobody sees half an append."""
    won: list[int] = []

    def race() -> None:
        for number in range(20):
            try:
                storage.append("race", [Created(number, {}, "sampler", 0.0), Started(number, 0, {}, 0.0)])
            except Conflict:
                continue
            won.append(number)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(20)), f"each number is won exactly once, got {sorted(won)}"
    kinds = [event.kind for event in storage.read("race")[0]]
    assert kinds == ["created", "started"] * 20, "the events of one append stay together"


def _keeps_signs_of_life(storage: Storage) -> None:
    """Each sign of life counts one up; a worker that leaves is forgotten."""
    assert storage.beats() == {}, "nobody gave a sign of life yet"
    for _ in range(3):
        storage.beat(_NASTY, {"host": _NASTY, "pid": 1})
    storage.beat("another", {})
    found = storage.beats()
    assert list(found) == [_NASTY, "another"], f"beats() names the workers in the order of their first one, got {found}"
    assert found[_NASTY].count == 3, f"each sign of life counts one up, got {found[_NASTY]}"
    assert found[_NASTY].about == {"host": _NASTY, "pid": 1}, f"what a worker says of itself changed: {found[_NASTY]}"
    storage.beat(_NASTY, {"host": "new"})
    assert storage.beats()[_NASTY].about == {"host": "new"}, "the last that a worker said of itself counts"
    storage.beat("another", None)
    storage.beat("another", None)
    assert list(storage.beats()) == [_NASTY], "a worker that leaves is forgotten"
    before = storage.names()
    with storage.turn("nobody's study"):
        storage.beat(_NASTY, None)
    assert (storage.beats(), storage.names()) == ({}, before), "a turn changes nothing"
