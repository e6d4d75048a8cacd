"""JSON lines: the same log comes back, and what is wrong in a file is named with its line."""

import io
import json

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import InputError, StorageError
from trimtab.records import Created, Finished, Opened, Released, Reported, Started
from trimtab.storage import Memory, SQLite, import_study, lines_of

HOSTILE = "=cmd()\n\x1b[31m\0\ud800\u202e<script>\u2028'\"\\"
SPACE = tt.Space({"x": tt.Float(0, 1), HOSTILE: ["a", HOSTILE]})
OWNER = {"host": "h", "pid": 7, "born": 3, "worker": "w", "lease": 30.0}
LOG = [
    Opened(0, {"space": SPACE.to_dict(), "direction": "maximize", "seed": 3, "sampler": "Random()", "trimtab": "0.1"}, 1.5),
    Created(0, {"x": 0.1 + 0.2, HOSTILE: "a"}, "user", 2.0),
    Started(0, 0, OWNER, 3.0),
    Reported(0, 0, (1.0, 2.0), (float("nan"), float("-inf")), 4.0),
    Released(0, 0, 5.0, lost=True),
    Started(0, 1, OWNER, 6.0),
    Finished(0, "failed", None, 0.25, HOSTILE, float("inf"), {"loss": float("nan")}, {"x": 1e-300}),
    Created(1, {"x": 1.0, HOSTILE: SPACE.parameters[HOSTILE].labels[1]}, "sampler", 2.0),
]  # fmt: skip


def text_of(log=LOG, name="study"):
    return "\n".join(lines_of(name, log)) + "\n"


def imported(text, storage=None, name=None):
    storage = Memory() if storage is None else storage
    source = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    source.name = "study.jsonl"
    name = import_study(source, storage, name)
    return name, storage.read(name)[0]


def test_the_same_log_comes_back(tmp_path):
    name, log = imported(text_of(name=HOSTILE), SQLite(tmp_path / "a.db"))

    assert name == HOSTILE
    assert repr(log) == repr(LOG)  # NaN is not equal to itself
    assert text_of(log, HOSTILE) == text_of(name=HOSTILE)
    assert text_of().isascii()


def test_a_real_study_goes_on_as_the_original_would(tmp_path):
    def objective(trial):
        trial.report(trial["x"], step=0)
        return trial["x"] ** 2

    first = tt.minimize(
        objective, {"x": tt.Float(0, 1)}, 6, sampler="tpe", seed=1, progress=False, storage=tmp_path / "a.db"
    )
    first.export(tmp_path / "a.jsonl")
    assert import_study(tmp_path / "a.jsonl", tmp_path / "b.db", "other") == "other"
    arguments = (objective, {"x": tt.Float(0, 1)}, 12)
    again = [
        tt.minimize(*arguments, sampler="tpe", seed=1, progress=False, storage=tmp_path / file, name=name)
        for file, name in (("a.db", "study"), ("b.db", "other"))
    ]

    assert [t.params for t in again[0].trials] == [t.params for t in again[1].trials]
    assert again[1].trials[0].reports == again[0].trials[0].reports != {}


def test_an_existing_study_is_not_changed(tmp_path):
    storage = SQLite(tmp_path / "a.db")
    imported(text_of(), storage)

    with pytest.raises(InputError, match="holds a study named 'study' already"):
        imported(text_of(), storage)
    assert len(storage.read("study")[0]) == len(LOG)
    assert imported(text_of(), storage, "other")[0] == "other"
    assert storage.names() == ["study", "other"]


def changed(line, **fields):
    """The text with another content of one line."""
    lines = text_of().splitlines()
    lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **fields})
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: the file ends before this line"),
        ("\n", "1: it is no JSON"),
        ("number,state\n0,finished\n", "1: it is no JSON"),
        ('{"trimtab": "table"}', "1: it should begin with"),
        (changed(1, version=2), r"1: it has version 2, this trimtab reads version 1\. Update trimtab"),
        (changed(1, events=10**30), "1: it needs a name and 1 to"),
        (changed(1, name=""), "1: it needs a name"),
        (changed(1, events=7), "9: it holds more than the 7 events"),
        (changed(1, events=9), "10: the file ends before this line"),
        (text_of()[:-30], "9: it is no JSON"),
        (changed(2, kind="closed"), "2: .*unknown kind 'closed'"),
        (changed(2, kind="created"), "2: a trial needs its configuration|2: KeyError|2: 'params'"),
        (changed(2, body={"space": {}}), "2: the seed must be"),
        (changed(3, number=1), "3: trial 1 is created where 0 should be"),
        (changed(3, number=10**400), "3: the numbers of an event must be whole"),
        (changed(3, number=True), "3: the numbers of an event must be whole"),
        (changed(3, at="soon"), "3: the time must be a number"),
        (changed(3, body={"params": {"x": [1]}, "origin": "user"}), r"must be a number, got \[1\]"),
        (changed(3, body={"params": [1], "origin": "user"}), "3: .*params is no object"),
        (changed(4, number=1), "4: trial 1 is started before it is created"),
        (changed(4, body={"pid": -1, "host": "h"}), "4: the owner of a trial needs a host and the number of a process"),
        (changed(4, body={"pid": 1, "host": "h", "lease": "1e999"}), "4: a lease must be"),
        (changed(5, body={"steps": [1], "values": []}), "5: 1 steps and 0 values"),
        (changed(5, body={"steps": ["a"], "values": [1]}), "5: could not convert"),
        (changed(7, part=0), r"7: the event started 0 \(0\) is there twice"),
        (changed(8, body={"state": "won", "value": None, "seconds": 1, "error": None}), "8: a trial that ended as 'won'"),
        (changed(8, body={"state": "failed", "value": None, "seconds": 1, "error": {}}), "8: .*error is no text"),
        (changed(8, body={"state": "finished", "value": "1", "seconds": 1, "error": None}), "8: .*with the value '1'"),
        (changed(8, body=[]), "8: the body must be an object"),
        (changed(8, extra=1), "8: an event is an object with kind, number, part, at and body"),
        (text_of().replace("1e-300", "NaN"), "8: it is no JSON: NaN is no number of JSON"),
        (text_of().splitlines()[0] + "\n" + "[" * 100_000, "2: it is no JSON: it is nested too deep"),
        (text_of().replace('"low":0.0', '"low":9.0'), "2: .*low"),
        (text_of().encode() + b"\xff", "10: it holds more"),
        (text_of().encode().replace(b"failed", b"\xff"), "8: it is no JSON: .*decode"),
        (text_of().encode("utf-16"), "1: it is no JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text, message):
    storage = Memory()

    with pytest.raises(InputError, match=rf"^study\.jsonl:{message}" if message[0].isdigit() else message):
        imported(text, storage)
    assert storage.names() == []


def test_a_line_of_any_length_is_not_read(monkeypatch):
    monkeypatch.setattr("trimtab.storage._lines.LARGEST_LINE", 5_000)

    with pytest.raises(InputError, match="3: it has more than 5,000 bytes"):
        imported("\n".join([*text_of().splitlines()[:2], "7" * 10_000]))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        import_study(tmp_path / "none.jsonl", Memory())
    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        import_study(tmp_path, Memory())
    with pytest.raises(InputError, match="name must be a text"):
        import_study(tmp_path / "none.jsonl", Memory(), "")


def test_a_wrong_file_makes_no_storage(tmp_path):
    (tmp_path / "bad.jsonl").write_text("{}")

    with pytest.raises(InputError):
        import_study(tmp_path / "bad.jsonl", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, len(text_of()) - 1),
    cut=st.integers(0, 40),
    put=st.text('{}[]",:0123456789eE+-.\\untrfalse \n', max_size=12),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(at, cut, put):
    """Whatever is cut out and put in: an InputError with a line, or a log that reads as a study."""
    text = text_of()[:at] + put + text_of()[at + cut :]
    try:
        name, log = imported(text)
    except InputError as error:
        found = str(error)
    else:
        found = "study.jsonl: read"
        assert text_of(log, name).count("\n") == len(log) + 1
    event(found[:20])
    assert found.startswith("study.jsonl:")
