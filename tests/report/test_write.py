"""The report: one file, whole or not at all, with everything that users wrote shown literally."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
from html.parser import HTMLParser

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError, StorageError
from trimtab.report import as_python, report_html, write_report

HOSTILE = '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">'


class Page(HTMLParser):
    """Texts, script elements and tag names of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.scripts, self.tags, self._in = "", [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in == "script":
            self.scripts[-1] += data
        elif self._in != "style":
            self.text += data


def study(space: object, n: int, objective, *, seed: int = 0, **settings: object) -> tt.Study:
    """n random configurations, evaluated; a ValueError is a failed trial."""
    study = tt.Study(space, seed=seed, **settings)
    x = study.space.sample(n, np.random.default_rng(seed)) if n else np.empty((0, study.space.d))
    for params in study.space.decode(x):
        study.enqueue(params)
        trial = study.ask()
        try:
            study.tell(trial, objective(trial), seconds=0.5)
        except ValueError as error:
            study.tell(
                trial, state="failed", error=f"Traceback (most recent call last):\n  in objective\nValueError: {error}"
            )
    return study


def mixed(n: int = 40, **settings: object) -> tt.Study:
    """Numbers, choices, a condition, a constraint and some failures."""

    def objective(trial):
        if trial["lr"] > 0.5:
            raise ValueError(f"diverged at {trial['lr']:.3f}")
        return (np.log10(trial["lr"]) + 2) ** 2 + 0.3 * (trial["solver"] == "sgd")

    space = tt.Space(
        {
            "lr": tt.Float(1e-4, 1.0, log=True),
            "solver": tt.Categorical(["adam", "sgd"]),
            "momentum": tt.Float(0.5, 0.99, when={"solver": "sgd"}),
            "units": tt.Int(8, 256, log=True),
        },
        constraints=["units <= 200 or lr > 1e-3"],
    )
    return study(space, n, objective, name="mixed", **settings)


def test_a_report_holds_every_section_and_the_facts(tmp_path):
    made = mixed()

    path = write_report(made, tmp_path / "report.html")
    page = Page(path.read_text(encoding="utf-8"))

    assert path == tmp_path / "report.html"
    for words in (
        "Best configuration",
        "Optimisation history",
        "global sensitivity",
        "Interactions",
        "One knob at a time",
    ):
        assert words in page.text
    for words in ("Gradient", "parallel coordinates", "Failures", "How it was made", "lower is better"):
        assert words in page.text
    assert f"{made.best.value:.6g}" in page.text
    assert tt.__version__ in page.text
    assert "real number from 0.5 to 0.99; only where solver is sgd" in page.text
    assert "units <= 200 or lr > 1e-3" in page.text
    assert "ValueError: diverged at" in page.text
    assert 1e6 < path.stat().st_size < 6e6


def test_the_page_loads_nothing(tmp_path):
    html = report_html(mixed(12))
    page = Page(html)

    assert not [tag for tag, given in page.tags if tag in ("link", "iframe", "img") or given.get("src")]
    assert all(given["href"].startswith("#") for tag, given in page.tags if tag == "a")
    assert "default-src 'none'" in html


def test_every_place_for_a_figure_has_its_figure():
    page = Page(report_html(mixed()))

    places = [given["id"] for tag, given in page.tags if given.get("class") == "plot"]
    figures = json.loads(page.scripts[0])
    assert places == [f"figure-{k + 1}" for k in range(len(figures))]
    assert len(figures) >= 8


def test_hostile_names_choices_values_and_tracebacks_stay_text():
    class Odd:
        def __repr__(self) -> str:
            return HOSTILE

    def objective(trial):
        if trial[HOSTILE] < 0.2:
            raise ValueError(HOSTILE + "\x00\x1b[31m\u202e")
        return trial[HOSTILE]

    space = {
        HOSTILE: tt.Float(0, 1),
        "choice": tt.Categorical([Odd(), HOSTILE + "2", "<b>"]),
        "c": tt.Constant(HOSTILE),
    }
    html = report_html(study(space, 30, objective, name=HOSTILE))
    page = Page(html)

    assert len(page.scripts) == 3
    assert html.count("<script") == 3
    assert not [given for _, given in page.tags if any(key.startswith("on") for key in given)]
    assert HOSTILE in page.text
    assert "\x1b" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_few_trials_say_so_in_words(n):
    page = Page(report_html(study({"a": tt.Float(0, 1), "b": tt.Int(1, 5)}, n, lambda t: t["a"], name="few")))

    assert "oo little data" in page.text
    assert ("No trial has finished yet" in page.text) == (n == 0)
    assert "nan" not in page.text


def test_a_study_in_which_all_trials_failed_shows_why():
    def objective(trial):
        raise ValueError(f"cannot open file {trial['a']}")

    page = Page(report_html(study({"a": tt.Float(0, 1)}, 12, objective, name="lost")))

    assert "12 of 12 trials failed" in page.text
    assert "12 trials: ValueError: cannot open file" in page.text


def test_maximising_shows_values_in_the_users_sign():
    made = study({"a": tt.Float(0, 1)}, 20, lambda t: 5 + t["a"], name="up", direction="maximize")

    page = Page(report_html(made))

    assert "higher is better" in page.text
    assert f"{made.best.value:.6g}" in page.text
    assert "-5." not in page.text


def test_the_storage_is_named_without_its_folder(tmp_path):
    with mixed(10, storage=tmp_path / "runs.db") as made:
        html = report_html(made)

    assert "runs.db" in html
    assert str(tmp_path) not in html


def test_a_folder_a_missing_folder_and_an_empty_path_are_refused(tmp_path):
    made = mixed(3)

    with pytest.raises(InputError, match="got the folder"):
        write_report(made, tmp_path)
    with pytest.raises(InputError, match="path of a file"):
        write_report(made, "")
    with pytest.raises(StorageError, match="does not exist"):
        write_report(made, tmp_path / "missing" / "report.html")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere

    with pytest.raises(StorageError, match="no permission"):
        write_report(mixed(3), tmp_path / "report.html")


def test_an_interrupted_write_leaves_the_old_report_and_no_debris(tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        write_report(mixed(3), target)

    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_report_replaces_an_old_one_and_is_readable_by_others(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    mask = os.umask(0o022)
    try:
        write_report(mixed(3), target)
    finally:
        os.umask(mask)

    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_the_best_configuration_can_be_pasted():
    params = {"lr": 0.1 + 0.2, "sizes": (50, 10), 'odd "name"': "it's", "none": None, "s": "a  b\n", "yes": True}

    name, _, written = as_python(params, "best").partition(" = ")

    assert name == "best"
    assert ast.literal_eval(written) == params


def test_objects_in_a_pasted_configuration_are_marked_and_keep_it_valid():
    class Odd:
        pass

    written = as_python({"model": Odd(), "function": len})

    ast.parse(written)
    assert re.search(r'"function": len,  # an object', written)
    assert written.count("# an object") == 2


def test_says_which_sampler_auto_chose():
    assert "auto, now gp: 4 columns and fewer than" in Page(report_html(mixed(12))).text
