"""The viewers look at a PostgreSQL database by its URL, and show none of its secrets."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import main


@pytest.fixture
def url(postgres_url):
    for name in ("one", "two"):
        study = tt.Study({"a": tt.Float(0.0, 1.0)}, sampler="random", storage=postgres_url, name=name, seed=0)
        study.optimize(lambda trial: trial["a"], n_trials=3, progress=False)
        study.storage.close()
    return postgres_url


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_show_lists_the_studies_and_shows_one(url, postgres_server):
    masked = f"postgresql://***@127.0.0.1:{postgres_server.port}/postgres"
    listed, one, best = run("show", url), run("show", url, "--name", "one"), run("best", url, "--name", "one", "--json")

    assert listed.exit_code == one.exit_code == best.exit_code == 0, listed.output + one.output + best.output
    assert f"2 studies in {masked}" in " ".join(listed.output.split())
    assert masked in one.output
    assert "3 finished" in one.output
    assert "a" in json.loads(best.output)["params"]
    assert postgres_server.password not in listed.output + one.output + best.output


def test_errors_of_viewers_show_no_secret(url, postgres_server):
    for arguments in (["best", url], ["best", url, "--name", "three"], ["show", url.replace("/postgres", "/nowhere")]):
        result = run(*arguments)
        text = result.output + repr(result.exception)

        assert result.exit_code != 0
        assert "postgresql://***@127.0.0.1" in text
        assert postgres_server.password not in text
