"""A storage's password is in no output, no error, no file; and what trimtab writes for itself is its owner's alone."""

import os
import stat

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import main

SETTINGS = """
[study]
n_trials = 3
sampler = "random"
storage = "{url}"
[space]
x = {{type = "float", low = 0, high = 1}}
[objective]
command = "echo {{x}}"
"""


def trimtab(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_password_of_a_database_is_shown_nowhere(postgres_url, postgres_server, here):
    (here / "s.toml").write_text(SETTINGS.format(url=postgres_url))
    said = [trimtab("run", "s.toml", *more) for more in ([], ["--json"], ["--trials", "4"])]
    for command in (
        ["show"], ["show", "--json"], ["best"], ["best", "--json"], ["export"], ["export", "--format", "jsonl"], ["sensitivity"],
        ["export", "-o", "a.csv"], ["advice"], ["report", "-o", "r.html"], ["worker", "--json"], ["show", "--name", "none"],
    ):  # fmt: skip
        what = ["--", "echo", "{x}"] if command[0] == "worker" else []
        said.append(trimtab(command[0], postgres_url, *command[1:], *what))
    said.append(trimtab("show", postgres_url.replace("/postgres", "/none")))
    said.append(trimtab("show", postgres_url.replace(postgres_server.password, f"{postgres_server.password}x")))
    said.append(trimtab("export", postgres_url, "-o", "a.jsonl"))
    said.append(trimtab("import", "a.jsonl", "--storage", postgres_url))

    assert [result.exit_code for result in said[:3]] == [0, 0, 0], said[0].output
    assert "already" in said[-1].stderr
    for result in said:
        assert postgres_server.password not in result.output, result.output
        assert "not meant to happen" not in result.output
    for path in here.iterdir():
        assert path.name == "s.toml" or postgres_server.password not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command", [["show"], ["export"], ["worker", "--", "true"], ["import", "a.jsonl", "--storage"]]
)
@pytest.mark.parametrize("url", ["mysql://jane:hush-hush@host/db", "postgresql://jane:hush-hush@[/db"])
def test_urls_that_lead_nowhere_keep_their_password(command, url, here):
    (here / "a.jsonl").write_text("{}")
    result = trimtab(command[0], url, *command[1:]) if command[-1] != "--storage" else trimtab(*command, url)

    assert result.exit_code in (1, 2)
    assert "hush-hush" not in result.output


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_study_is_its_owners_alone_and_files_for_others_follow_the_umask(here):
    before = os.umask(0o022)
    try:
        study = tt.minimize(
            lambda t: t["x"], {"x": tt.Float(0, 1)}, 3, sampler="random", seed=0, progress=False, storage="study.db"
        )
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in here.iterdir()}
        study.export("a.csv")
        study.export("a.jsonl")
        study.report("r.html")
        study.close()
    finally:
        os.umask(before)

    assert modes["study.db"] == 0o600
    assert {mode & 0o077 for mode in modes.values()} == {0}, modes  # the write-ahead log and the lock too
    assert {stat.S_IMODE((here / name).stat().st_mode) for name in ("a.csv", "a.jsonl", "r.html")} == {0o644}
