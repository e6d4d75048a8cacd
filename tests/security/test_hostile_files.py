"""A database that somebody else wrote: shown or refused in one clear sentence; nothing of it runs, and no terminal obeys it."""

import contextlib
import json
import sqlite3

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import main
from trimtab.errors import TrimtabError
from trimtab.storage import SQLite

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\0\x08"
SCRIPT = "<script>document.title='hit'</script><img src=x onerror=alert(1)>"
CODE = "__import__('os').system('touch hit')"
HUGE = "9" * 4000
LAST = {"state": "finished", "value": 1.0, "seconds": 1.0, "error": None}


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A small study, one of whose events was edited with SQL."""
    monkeypatch.chdir(tmp_path)
    study = tt.Study({"x": tt.Float(0, 1), "c": ["a", "b"]}, sampler="random", seed=0, storage="study.db")
    for value in range(3):
        study.tell(study.ask(), value)
    study.close()

    def edit(kind, number, /, **columns):
        db = sqlite3.connect("study.db")
        key, body = db.execute("SELECT id, body FROM events WHERE kind = ? AND number = ?", (kind, number)).fetchone()
        for name, value in columns.items():
            content = value(json.loads(body)) if callable(value) else value
            content = json.dumps(content) if isinstance(content, (dict, list)) else content
            db.execute(f"UPDATE events SET {name} = ? WHERE id = ?", (content, key))
        db.commit()
        db.close()
        return "study.db"

    return edit


def trimtab(*arguments):
    """What the command said, which is never a program's fault and never more than text."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "not meant to happen" not in result.output
    assert "Traceback" not in result.stderr
    assert all(c.isprintable() or c == "\n" for c in result.output)
    return result


def params(x, **more):
    return f'{{"params": {{"x": {x}, "c": {json.dumps(more.get("c", "a"))}}}, "origin": "sampler"}}'


def space(change):
    return lambda settings: {**settings, "space": {**settings["space"], **change(settings["space"])}}


def parameter(**fields):
    return space(lambda plain: {"parameters": [{**plain["parameters"][0], **fields}, plain["parameters"][1]]})


DAMAGE = [
    ("opened", 0, {"body": "[" * 50_000 + "]" * 50_000}),
    ("opened", 0, {"body": "{}"}),
    ("opened", 0, {"body": "[]"}),
    ("opened", 0, {"body": lambda s: {**s, "direction": "sideways"}}),
    ("opened", 0, {"body": lambda s: {**s, "seed": "x"}}),
    ("opened", 0, {"body": lambda s: {**s, "sampler": None}}),
    ("opened", 0, {"body": lambda s: {**s, "objectives": 7}}),
    ("opened", 0, {"body": lambda s: {**s, "space": []}}),
    ("opened", 0, {"body": space(lambda plain: {"version": "a"})}),
    ("opened", 0, {"body": space(lambda plain: {"constraints": [{"expression": CODE}]})}),
    ("opened", 0, {"body": space(lambda plain: {"constraints": [CODE]})}),
    ("opened", 0, {"body": space(lambda plain: {"parameters": plain["parameters"][:1]})}),
    ("opened", 0, {"body": parameter(when={"equals": [], "expression": CODE})}),
    ("opened", 0, {"body": parameter(type="int", high=10**400)}),
    ("opened", 0, {"body": parameter(low=7, high=3)}),
    ("opened", 0, {"body": parameter(type="distribution", family="__builtins__", args=[], keywords={})}),
    ("opened", 0, {"body": parameter(type="distribution", family="rv_histogram", args=[], keywords={})}),
    ("opened", 0, {"body": parameter(type="distribution", family="norm", args=[CODE], keywords={})}),
    ("opened", 0, {"body": parameter(type="categorical", labels=["a"], choices=[{"a": 1, "b": 2}], ordered=False)}),
    ("created", 1, {"body": '{"params": [1], "origin": "sampler"}'}),
    ("created", 1, {"body": params("1e999")}),
    ("created", 1, {"body": params("NaN")}),
    ("created", 1, {"body": params(HUGE)}),
    ("created", 1, {"body": params(HUGE * 2)}),
    ("created", 1, {"body": params("{}")}),
    ("created", 1, {"body": params(0.5, c="z")}),
    ("created", 1, {"body": '{"params": {}, "origin": "sampler"}'}),
    ("created", 1, {"number": 10**9}),
    ("created", 1, {"number": -5}),
    ("created", 1, {"number": "abc"}),
    ("started", 1, {"body": "[]"}),
    ("started", 1, {"body": '{"host": "h", "pid": -1}'}),
    ("started", 1, {"part": 10**12}),
    ("started", 1, {"kind": ESCAPES}),
    ("started", 1, {"kind": "reported", "body": '{"steps": 5, "values": 1}'}),
    ("started", 2, {"kind": "released", "body": '{"lost": "yes"}'}),
    ("finished", 1, {"number": 7}),
    ("finished", 1, {"body": "{"}),
    ("finished", 1, {"body": b"\xff\xfe"}),
    ("finished", 1, {"at": "soon"}),
    ("finished", 1, {"body": {**LAST, "state": "won"}}),
    ("finished", 1, {"body": {**LAST, "state": []}}),
    ("finished", 1, {"body": {**LAST, "value": "1"}}),
    ("finished", 1, {"body": {**LAST, "value": 10**3000}}),
    ("finished", 1, {"body": json.dumps(LAST).replace("1.0", "1e999", 1)}),
    ("finished", 1, {"body": {**LAST, "error": [1]}}),
    ("finished", 1, {"body": {**LAST, "outcomes": [1]}}),
    ("finished", 1, {"body": {**LAST, "gradient": {"x": "1e999"}}}),
]


@pytest.mark.parametrize(("kind", "number", "columns"), DAMAGE)
def test_what_no_trimtab_wrote_is_refused_in_one_sentence(edited, tmp_path, kind, number, columns):
    file = edited(kind, number, **columns)

    for command in ("show", "export"):
        result = trimtab(command, file)
        assert result.exit_code in (1, 2)
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr) < 2_000
        assert "study.db" in result.stderr or "unknown kind" in result.stderr
    assert trimtab("check", file).exit_code in (0, 1)
    with contextlib.suppress(TrimtabError):  # in Python too: an error of ours, or a study
        tt.Study.load(file, sampler="random").close()
    assert not (tmp_path / "hit").exists()


COMMANDS = [
    ["show"],
    ["best"],
    ["check"],
    ["sensitivity"],
    ["advice"],
    ["export"],
    ["export", "--format", "jsonl"],
    ["report", "-o", "r.html"],
]


@pytest.fixture
def nasty(edited):
    """Every text that a file may hold, hostile."""
    name = f"{ESCAPES}{SCRIPT}"
    study = tt.Study(
        {"__class__": tt.Float(0, 1), name: [SCRIPT, ESCAPES, "{7*7}", "=cmd|' /C calc'!A0"], "self": tt.Int(0, 3)},
        sampler="random", seed=0, storage="nasty.db", name=name,
        objectives=[name],
    )  # fmt: skip
    for i in range(12):
        trial = study.ask()
        study.tell(trial, {name: i, SCRIPT: i}) if i % 3 else study.tell(
            trial, state="failed", error=f"{name}\n{name} {i}"
        )
    study.close()
    return "nasty.db"


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_hostile_texts_are_shown_and_not_obeyed(nasty, arguments, tmp_path):
    result = trimtab(arguments[0], nasty, *arguments[1:])

    assert result.exit_code == 0, result.output
    if arguments[0] == "report":
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert "<script>document" not in page
        assert "onerror=alert" not in page.replace("&lt;img src=x onerror=alert(1)&gt;", "").replace(
            "\\u003cimg src=x onerror=alert(1)\\u003e", ""
        )
        assert "\x1b" not in page


@pytest.mark.parametrize(
    "about", [{"host": f"{ESCAPES}{SCRIPT}", "pid": ESCAPES, "study": "study"}, {"study": "study", "pid": [1]}, {}]
)
def test_what_workers_say_of_themselves_is_shown_and_not_obeyed(edited, about):
    edited("opened", 0)
    storage = SQLite("study.db")
    storage.beat(f"{ESCAPES}", about)
    storage.close()

    assert trimtab("show", "study.db").exit_code == 0
    assert trimtab("show", "study.db", "--json").exit_code == 0


def test_a_gigantic_text_is_cut(edited):
    file = edited("finished", 1, body={**LAST, "state": "failed", "value": None, "error": "x" * 30_000_000})

    assert len(trimtab("show", file).stdout) < 100_000
