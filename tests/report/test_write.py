"""The report: one file, whole or not at all, with everything that users wrote shown literally."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import stat
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import InputError, StorageError
from trimtab.report import _facts, as_python, report_html, write_report

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
    for words in ("What to do next", "Good values", "how exactly must the best be set", "Do other views agree"):
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


def section(html: str, name: str) -> str:
    """HTML of one section."""
    return html[html.index(f'<section id="{name}">') :].partition("</section>")[0]


@pytest.fixture(scope="module")
def written():
    made = mixed(60)
    return made, report_html(made)


def test_what_to_do_next_is_the_advice_of_the_study(written):
    made, html = written
    part = Page(section(html, "next")).text
    pieces = made.advice().pieces

    assert pieces
    for piece in pieces:
        assert piece.advice in part
        assert f"Evidence: {piece.evidence}." in part
    assert f"Next: {pieces[0].advice}" in Page(html).text
    assert "How this was found" in part


def test_no_advice_says_so(written, monkeypatch):
    made, _ = written
    nothing = replace(made.advice(), pieces=())
    monkeypatch.setattr(_facts, "advice", lambda source: nothing)

    html = report_html(made)

    assert "Nothing is sure enough to be advised" in section(html, "next")
    assert "Next:" not in html


def test_robustness_shows_tolerances_cliffs_and_the_worst_case(written):
    made, html = written
    part = Page(section(html, "robustness")).text
    found = tt.sensitivity.robustness(made)

    assert "must be set most exactly" in part
    assert "of the box the loss stays within" in part
    assert "Seed noise of one evaluation" in part
    assert "worst in the box" in part
    assert found.places.shown()[found.places.what.index("worst in the box")]["objective"] in part
    for i in range(len(found.cliffs.parameter)):
        assert f"Cliff: {found.cliffs.parameter[i]}, {found.cliffs.said(i)}." in part
    assert "What another choice would cost" in part


def test_a_robust_best_stands_beside_the_best_with_its_price():
    def valley(trial):  # a narrow hole beside a wide valley
        return (trial["a"] - 0.3) ** 2 - 0.02 * np.exp(-(((trial["a"] - 0.62) / 0.02) ** 2)) + 0.05 * trial["b"]

    made = study({"a": tt.Float(0, 1), "b": tt.Float(0, 1)}, 40, valley, name="hole")
    found = tt.sensitivity.robustness(made)
    part = Page(section(report_html(made), "robustness")).text

    if "robust best" in found.places.what:
        assert "Set exactly, the robust best" in part
        assert "robust best" in part
    else:
        assert "No configuration is clearly more robust than the best one." in part


def test_all_local_views_look_around_the_same_configuration(written):
    made, _ = written
    facts = _facts.facts_of(made, datetime(2026, 1, 1))

    assert dict(facts.one_at_a_time.at) == dict(facts.robustness.best)
    assert dict(facts.gradient.at) == dict(facts.robustness.best)
    assert dict(facts.agreement.at) == dict(facts.robustness.best)


def test_effects_have_a_picture_a_knob_and_the_strongest_pair_a_map(written):
    made, html = written
    effects, pairs = section(html, "effects"), section(html, "interactions")

    assert effects.count('class="plot"') == len(tt.sensitivity.effects(made, pairs=0).curves)
    assert pairs.count('class="plot"') == 2
    assert "The strongest pair" in pairs
    assert "Dark is good" in pairs


def test_seed_noise_and_flags_stand_beside_the_shares(written):
    made, html = written
    part = Page(section(html, "sensitivity")).text
    facts = _facts.facts_of(made, datetime(2026, 1, 1))

    assert "Seed noise:" in part
    for name, reason in facts.agreement.reasons.items():
        assert f"{name}: {reason}" in part


def test_every_figure_says_in_words_what_it_shows(written):
    _, html = written
    labels = [given["aria-label"] for _, given in Page(html).tags if given.get("class") == "plot"]

    assert len(labels) >= 15
    assert all(len(label) > 10 for label in labels)


def test_a_remark_is_not_repeated_in_every_section(written):
    _, html = written

    assert Page(html).text.count("The objective is taken as it is (scale raw)") == 1


@pytest.mark.parametrize("broken", ["advice", "agreement", "effects", "robustness", "sobol"])
def test_an_analysis_that_cannot_answer_says_why_and_leaves_the_rest(monkeypatch, broken):
    def fails(*_, **__):
        raise np.linalg.LinAlgError("it is not positive definite <b>here</b>")

    made = mixed(30)
    monkeypatch.setattr(_facts, broken, fails)
    html = report_html(made)
    page = Page(html)

    if broken != "agreement":  # which is a part of another section
        assert "not positive definite <b>here</b>" in page.text
    assert "<b>here</b>" not in html
    assert "Traceback" not in page.text.replace("Traceback (most recent call last):\n  in objective", "")
    assert f"{made.best.value:.6g}" in page.text


@pytest.mark.parametrize(
    "objective",
    [lambda t: 1.0, lambda t: 1e300 * t["a"], lambda t: np.nan if t["a"] < 0.3 else t["a"], lambda t: -t["a"]],
    ids=["constant", "huge", "some not a number", "negative"],
)
def test_odd_objectives_leave_no_nan_on_the_page(objective):
    def told(trial):
        value = objective(trial)
        if np.isnan(value):
            raise ValueError("no number")
        return value

    space = {"a": tt.Float(0, 1), "b": tt.Int(1, 5), "c": tt.Categorical(["x", "y"])}
    page = Page(report_html(study(space, 25, told, name="odd")))

    assert not re.search(r"\b(nan|NaN|None|inf)\b", page.text)


@pytest.mark.parametrize(
    "space",
    [{"a": tt.Float(0, 1)}, {"c": tt.Categorical(["x", "y", "z"]), "d": tt.Categorical([1, 2])}],
    ids=["one knob", "only choices"],
)
def test_small_spaces_have_a_report(space):
    page = Page(
        report_html(study(space, 20, lambda t: len(str(t)) + sum(map(hash, map(str, t.values()))) % 7, name="s"))
    )

    assert "What to do next" in page.text
    assert not re.search(r"\b(nan|NaN)\b", page.text)


def test_of_several_objectives_the_first_is_analysed():
    space = {"a": tt.Float(0, 1), "b": tt.Float(0, 1)}
    goals = {"objectives": {"error": "minimize", "speed": "maximize"}}
    made = tt.Study(space, seed=0, name="two", sampler="random", **goals)
    for _ in range(25):
        trial = made.ask()
        made.tell(trial, {"error": (trial["a"] - 0.4) ** 2, "speed": trial["b"]})
    page = Page(report_html(made))

    assert "must be set most exactly" in page.text
    assert "What to do next" in page.text


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


def test_reported_gradients_stand_beside_the_other_views():
    def objective(trial):
        trial.report_gradient({"lr": 2 * math.log(trial["lr"] / 0.01) / trial["lr"], "m": -3.0})
        return math.log(trial["lr"] / 0.01) ** 2 - 3 * trial["m"]

    space = {"lr": tt.Float(1e-4, 1.0, log=True), "m": tt.Float(0.0, 1.0)}
    told = report_html(study(space, 20, objective))
    assert "One at a time, gradient, hypergradient, main and total side by side" in told
    assert "hypergradient" not in report_html(study(space, 20, lambda t: math.log(t["lr"] / 0.01) ** 2 - 3 * t["m"]))


def test_learning_curves_have_a_section_only_where_trials_reported():
    made = study({"lr": tt.Float(0, 1)}, 3, lambda trial: trial["lr"])
    assert "learning-curves" not in report_html(made)

    trial = made.ask()
    trial.report(0.5, 1)
    made.tell(trial, 0.5, state="pruned")
    page = report_html(made)

    assert 'href="#learning-curves"' in page
    assert "1 trial reported. 1 was pruned (diamonds)." in Page(page).text
