"""A study as a file for other programs."""

import csv
import json
import math
from datetime import datetime

import pytest

import trimtab as tt
from trimtab.errors import InputError, StorageError

NASTY = '=HYPERLINK("http://x","y")'


@pytest.fixture
def study(tmp_path):
    space = {
        "lr": tt.Float(1e-4, 1e-1, log=True),
        "shape": tt.Categorical([(8,), (8, 4)]),
        "name": ["a\nb", NASTY, "-", "C:\\x"],
        "extra": tt.Int(1, 3, when={"name": "-"}),
        "finished": ["yes"],
        "=\x1b[31m": [True, False],
    }
    study = tt.Study(space, sampler="random", seed=0, storage=tmp_path / "a.db")
    for i in range(20):
        trial = study.ask()
        if i == 5:
            study.tell(trial, state="failed", error="Traceback:\n  @x \ud800\n")
        elif i < 18:
            study.tell(trial, {"value": i / 3, "memory": 2.0**i}, gradient={"lr": -1 / 3})
    return study


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_row_a_trial(study, tmp_path):
    rows = rows_of(study.export(tmp_path / "a.csv"))

    assert [int(row["number"]) for row in rows] == list(range(20))
    assert [row["state"] for row in rows] == [t.state for t in study.trials]
    assert rows[5]["state"] == "failed"
    for row, trial in zip(rows, study.trials, strict=True):
        assert row["value"] == ("" if trial.value is None else repr(trial.value))
        assert float(row["lr"]) == trial["lr"]
        assert tuple(json.loads(row["shape"])) == trial["shape"]
        assert row["extra"] == str(trial.params.get("extra", ""))
        assert row["memory"] == ("" if "memory" not in trial.outcomes else repr(trial.outcomes["memory"]))
        assert row["gradient_lr"] == ("" if not trial.gradient else repr(-1 / 3))
    created, started, ended = (
        datetime.fromisoformat(rows[0][name]) for name in ("created", "started", "time_finished")
    )
    assert created <= started <= ended
    assert rows[19]["time_finished"] == ""


def test_csv_is_plain_lines_that_no_spreadsheet_runs(study, tmp_path):
    text = study.export(tmp_path / "a.csv").read_text(encoding="utf-8")
    rows = rows_of(tmp_path / "a.csv")

    assert len(text.splitlines()) == 21
    assert all(c.isprintable() or c == "\n" for c in text)
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in (*row, *row.values()))
    assert {row["name"] for row in rows} == {"a\\nb", f"'{NASTY}", "'-", "C:\\\\x"}
    assert rows[5]["error"] == "Traceback:\\n  @x \\ud800\\n"
    assert "'=\\x1b[31m" in rows[0]
    assert rows[0]["gradient_lr"].startswith("-0.3")  # a number stays one


def test_parquet_has_types(study, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(study.export(tmp_path / "a.parquet"))
    columns, trials = table.to_pydict(), study.trials

    assert {name: str(table.schema.field(name).type) for name in ("number", "lr", "extra", "name", "=\x1b[31m", "created")} == {
        "number": "int64", "lr": "double", "extra": "int64", "name": "string", "=\x1b[31m": "bool", "created": "timestamp[us, tz=UTC]",
    }  # fmt: skip
    assert columns["lr"] == [t["lr"] for t in trials]
    assert columns["name"] == [t["name"] for t in trials]
    assert columns["error"][5] == "Traceback:\n  @x \\ud800\n"
    assert [tuple(json.loads(cell)) for cell in columns["shape"]] == [t["shape"] for t in trials]
    assert math.isnan(columns["value"][19])


def test_several_objectives_have_a_column_each(tmp_path):
    study = tt.minimize(
        lambda t: {"error": t["x"], "speed": 1.0}, {"x": tt.Float(0, 1)}, 3,
        objectives=["error", "speed"], sampler="random", seed=0, progress=False,
    )  # fmt: skip
    rows = rows_of(study.export(tmp_path / "a.csv"))

    assert "value" not in rows[0]
    assert [float(row["outcome_error"]) for row in rows] == [t["x"] for t in study.trials]


def test_the_format_is_that_of_the_ending_or_as_given(study, tmp_path):
    assert study.export(tmp_path / "a.txt", "csv").read_text() == study.export(tmp_path / "b.CSV").read_text()
    with pytest.raises(InputError, match=r"exported as csv, parquet, jsonl, got 'txt'"):
        study.export(tmp_path / "a.txt")
    with pytest.raises(InputError, match="got 'xml'"):
        study.export(tmp_path / "a.csv", "xml")


def test_what_cannot_be_written(study, tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        study.export(tmp_path / "none" / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        study.export(tmp_path / "b.csv")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("a.db")) == ["b.csv"]


def test_a_study_without_trials(tmp_path):
    study = tt.Study({"x": tt.Float(0, 1)}, sampler="random", seed=0)

    assert study.export(tmp_path / "a.csv").read_text() == "number,state,value,seconds,error,created,started,finished\n"
