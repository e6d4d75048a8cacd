"""`trimtab check`: what it says, what it changes, and its exit codes."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import main


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "x.db")
    with tt.Study({"a": tt.Float(0.0, 1.0)}, sampler="random", storage=path, name="evil \x1b[31m", seed=0) as study:
        for _ in range(12):
            trial = study.ask()
            study.tell(trial, trial["a"])
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["check", *arguments])


def damage(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = '{\"x\x1b\"' WHERE kind = 'created' AND number = 5")
        db.commit()


def test_a_whole_file(path):
    done = run(path)
    assert done.exit_code == 0
    assert "x.db: 1 study, 12 trials, 37 events." in done.output
    assert "Nothing is wrong." in done.output
    assert "\x1b" not in done.output
    document = json.loads(run(path, "--json").output)
    assert document["whole"]
    assert document["studies"] == {"evil \x1b[31m": 12}
    assert document["repaired"] is None


def test_a_damaged_file_and_its_repair(path):
    damage(path)
    done = run(path)
    assert done.exit_code == 1
    assert "1 row(s) that no trimtab wrote" in done.output
    assert f"trimtab check {path} --repair" in done.output
    assert "\x1b" not in done.output
    assert not json.loads(run(path, "--json").output)["whole"]

    done = run(path, "--repair")
    assert done.exit_code == 0, done.output
    assert "the original is" in done.output
    assert "1 trial(s) are lost: 5; trial 6 is now 5" in done.output
    assert "Nothing is wrong any more." in done.output
    assert run(path).exit_code == 0
    with tt.Study.load(path) as study:
        assert study.table.n == 11
    assert sorted(os.listdir(os.path.dirname(path))) == ["x.db", "x.db.damaged-1", "x.db.rejected-1.jsonl"]


def test_a_repair_of_a_whole_file_changes_nothing(path, tmp_path):
    before = (tmp_path / "x.db").read_bytes()
    done = run(path, "--repair", "--json")
    assert done.exit_code == 0
    assert json.loads(done.output)["repaired"] is None
    assert os.listdir(tmp_path) == ["x.db"]
    assert (tmp_path / "x.db").read_bytes() == before


def test_a_database_server_is_not_repaired(path):
    done = run("postgresql://u:secret@127.0.0.1:1/x", "--repair")
    assert done.exit_code == 2
    assert "--repair is for SQLite files" in done.output
    assert "secret" not in done.output


def test_a_file_that_is_not_there(tmp_path):
    done = run(str(tmp_path / "none.db"))
    assert done.exit_code == 1
    assert "no file" in done.output


def test_a_file_is_found_from_the_folder_it_is_in(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("x.db").exit_code == 0
    damage(path)
    assert run("x.db", "--repair").exit_code == 0
    assert run("x.db").exit_code == 0
