"""`trimtab export` and `trimtab import`."""

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import main


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tt.minimize(
        lambda t: t["x"], {"x": tt.Float(0, 1)}, 4, sampler="random", seed=0, progress=False, storage="study.db"
    ).close()
    return tmp_path


def trimtab(*arguments, **keywords):
    return CliRunner().invoke(main, list(arguments), **keywords)


def test_out_and_in_again(file):
    assert (
        trimtab("export", "study.db", "-o", "a.jsonl").stderr == "Wrote a.jsonl: study 'study', 4 trials: 4 finished.\n"
    )
    result = trimtab("import", "a.jsonl", "--storage", "b.db")

    assert result.stdout == "Imported study 'study' into b.db: 4 trials: 4 finished.\n"
    assert trimtab("export", "b.db", "--format", "jsonl").stdout == (file / "a.jsonl").read_text()
    assert trimtab("import", "a.jsonl", "--storage", "b.db").exit_code == 2
    assert "--name" in trimtab("import", "a.jsonl", "--storage", "b.db").stderr
    named = trimtab("import", "-", "--storage", "b.db", "--name", "two", input=(file / "a.jsonl").read_text())
    assert named.exit_code == 0, named.output
    assert "holds 2 studies: 'study', 'two'" in trimtab("export", "b.db").stderr
    assert trimtab("export", "b.db", "--name", "two").stdout == trimtab("export", "study.db").stdout


def test_standard_output_is_csv(file):
    lines = trimtab("export", "study.db").stdout.splitlines()

    assert lines[0].startswith("number,state,value,x,seconds")
    assert len(lines) == 5
    trimtab("export", "study.db", "-o", "a.csv")
    assert (file / "a.csv").read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "none.db"], "There is no file 'none.db'"),
        (["export", "study.db", "-o", "a.xml"], "got 'xml'"),
        (["export", "study.db", "-o", "none/a.csv"], "does not exist"),
        (["export", "study.db", "-o", "."], "got ''"),
        (["export", "study.db", "-o", ".", "--format", "csv"], "is a folder"),
        (["export", "study.db", "--format", "parquet"], "say where to write it, with -o FILE"),
        (["import", "none.jsonl", "--storage", "b.db"], "There is no file 'none.jsonl'"),
        (["import", "study.db", "--storage", "b.db"], "study.db:1: it is no JSON"),
        (["import", "study.db"], "Missing option '--storage'"),
    ],
)
def test_wrong_input(file, arguments, message):
    result = trimtab(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert not (file / "b.db").exists()
