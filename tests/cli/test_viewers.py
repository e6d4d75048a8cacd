"""`show`, `best`, `sensitivity`, `advice`, `report`: what they say of a stored study, for people and for programs."""

import inspect
import json
import re
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.cli import _output, _sensitivity, main
from trimtab.cli._output import clean, plain, seconds
from trimtab.cli._view import failures
from trimtab.records import Trial

SPACE = {
    "x": tt.Float(0, 1),
    "mode": ["a", "b"],
    "shape": tt.Categorical([(8,), (8, 4)]),
    "extra": tt.Int(1, 3, when={"mode": "b"}),
}


def objective(trial):
    if trial["x"] > 0.8:
        raise ValueError(f"x={trial['x']} is too large")
    return (trial["x"] - 0.3) ** 2 + 0.5 * (trial["mode"] == "b")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.db"
    tt.minimize(objective, SPACE, 25, sampler="random", storage=path, name="first", seed=0, progress=False).close()
    return str(path)


@pytest.fixture
def two_studies(tmp_path):
    path = tmp_path / "two.db"
    for name, n in (("one", 3), ("two", 4)):
        tt.maximize(
            lambda trial: trial["x"],
            {"x": tt.Float(0, 1)},
            n,
            sampler="random",
            storage=path,
            name=name,
            seed=0,
            progress=False,
        ).close()
    return str(path)


@pytest.fixture
def best_of(file):
    return tt.Study.load(file).best


def trimtab(*arguments, **keywords):
    return CliRunner().invoke(main, list(arguments), **keywords)


def test_show_tells_states_best_and_failures(file, best_of):
    out = trimtab("show", file).stdout
    n_failed = sum(t.state == "failed" for t in tt.Study.load(file).trials)

    assert n_failed > 1
    assert f"25 trials: {25 - n_failed} finished, {n_failed} failed" in out
    assert f"Best: trial {best_of.number}, value {best_of.value:.6g}" in out
    assert "is too large" in out
    assert "Recent trials" in out
    assert "seed 0" in out


def test_show_lists_so_many_recent_trials(file):
    document = json.loads(trimtab("show", file, "--last", "3", "--json").stdout)

    assert [t["number"] for t in document["recent"]] == [22, 23, 24]
    assert document["states"]["finished"] + document["states"]["failed"] == 25
    assert document["failures"][0]["count"] == document["states"]["failed"]
    assert document["best"]["params"]["shape"] in ([8], [8, 4])


@pytest.fixture
def with_limits(tmp_path):
    """A file with a front, one with a limit that some trials keep, one with a limit that none keeps, and a plain one."""

    def objective(trial):
        return {"error": trial["x"], "speed": trial["x"] * 2, "value": trial["x"], "memory": 10 * trial["x"]}

    goals = {
        "front": {"objectives": {"error": "minimize", "speed": "maximize"}, "outcome_constraints": ["memory <= 5"]},
        "kept": {"outcome_constraints": ["memory >= 5"]},
        "never": {"objectives": ["error", "speed"], "outcome_constraints": ["memory <= -1"]},
        "plain": {},
    }
    path = tmp_path / "goals.db"
    for name, about in goals.items():
        tt.minimize(
            objective,
            {"x": tt.Float(0, 1)},
            6,
            sampler="random",
            storage=path,
            name=name,
            seed=0,
            progress=False,
            **about,
        ).close()
    return str(path)


def test_show_has_a_column_for_each_outcome_and_says_who_breaks_a_limit(with_limits):
    out = trimtab("show", with_limits, "--name", "front").stdout
    recent = out[out.index("Trials") :]
    trials = tt.Study.load(with_limits, "front").trials
    broken = sum(t.outcomes["memory"] > 5 for t in trials)

    assert "minimize error, maximize speed; memory <= 5; seed 0" in out
    assert recent.splitlines()[1].split() == ["trial", "state", "error", "speed", "memory", "time", "configuration"]
    assert 0 < recent.count("breaks a limit") == broken < 6
    assert f"{trials[-1].outcomes['speed']:.6g}" in recent.splitlines()[-1]
    document = json.loads(trimtab("show", with_limits, "--name", "front", "--json", "--last", "1").stdout)
    assert document["objectives"] == {"error": "minimize", "speed": "maximize"}
    assert document["outcome_constraints"] == ["memory <= 5"]
    assert document["recent"][0]["outcomes"] == dict(trials[-1].outcomes)


def test_one_objective_with_a_limit_shows_its_value_and_the_limited_outcome(with_limits):
    out = trimtab("show", with_limits, "--name", "kept").stdout
    header = out[out.index("Trials") :].splitlines()[1]

    assert header.split() == ["trial", "state", "value", "memory", "time", "configuration"]
    assert "keeps memory >= 5" in out
    plain = trimtab("show", with_limits, "--name", "plain").stdout
    header = plain[plain.index("Trials") :].splitlines()[1]
    assert header.split() == ["trial", "state", "value", "time", "configuration"]
    assert "  minimize; seed 0" in plain


def test_the_list_of_studies_shows_goals_and_fronts(with_limits):
    out = trimtab("show", with_limits).stdout
    front = len(tt.Study.load(with_limits, "front").pareto)
    documents = {s["study"]: s for s in json.loads(trimtab("show", with_limits, "--json").stdout)["studies"]}

    assert f"front of {front}" in out
    assert "front of 0" in out
    assert "minimize value; memory >= 5" in out
    assert documents["front"]["best_value"] is None
    assert documents["kept"]["best_value"] == tt.Study.load(with_limits, "kept").best.value
    assert "objectives" not in documents["plain"]


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_best_says_why_there_is_no_front(with_limits, as_json):
    result = trimtab("best", with_limits, "--name", "never", *as_json)

    assert result.exit_code == 1
    assert "none that keeps every limit. Broken: memory <= -1 by 6" in result.stderr
    assert "6 finished trials and none that keeps every limit" in trimtab("show", with_limits, "--name", "never").stdout


def test_best_can_be_pasted(file, best_of):
    out = trimtab("best", file).stdout

    assert f"  {best_of.params!r}" in out
    assert json.loads(trimtab("best", file, "--json").stdout)["value"] == best_of.value


def test_several_studies_are_listed_and_need_a_name(two_studies):
    listed = trimtab("show", two_studies)
    nameless = trimtab("best", two_studies)

    assert "2 studies" in listed.stdout
    assert [s["study"] for s in json.loads(trimtab("show", two_studies, "--json").stdout)["studies"]] == ["one", "two"]
    assert nameless.exit_code == 2
    assert "'one', 'two'. Say which one with --name" in nameless.stderr
    assert json.loads(trimtab("best", two_studies, "--name", "two", "--json").stdout)["n_trials"] == 4


KINDS = list(_sensitivity._KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_sensitivity_answers_each_kind_of_question(file, kind):
    shown = trimtab("sensitivity", file, "--kind", kind)
    document = json.loads(trimtab("sensitivity", file, "--kind", kind, "--json").stdout)

    assert shown.exit_code == 0, shown.output
    assert "x" in {row["parameter"] for row in document["rows"]}
    assert document["kind"] == kind
    assert all(word not in shown.stdout for word in ("nan", "NaN", "None", "numpy"))


@pytest.mark.parametrize("kind", KINDS)
def test_two_trials_are_too_little_for_each_kind_in_one_sentence(two_trials, kind):
    out = trimtab("sensitivity", two_trials, "--kind", kind).stdout

    assert out.count("oo little data: 2 finished trials, at least 8 are needed") <= 1
    assert "nan" not in out
    assert len(out.splitlines()) <= 3


@pytest.fixture
def two_trials(tmp_path):
    path = tmp_path / "few.db"
    study = tt.Study({"x": tt.Float(0, 1), "n": tt.Int(1, 9)}, sampler="random", seed=0, storage=path)
    for value in (0.1, 0.2):
        study.tell(study.ask(), value)
    study.close()
    return str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_help_says_which_question_each_kind_answers(kind):
    out = trimtab("sensitivity", "--help", terminal_width=80).stdout

    assert re.search(rf"^  {kind} +[A-Z]", out, re.M)
    assert _sensitivity._KINDS[kind].question.split()[0] in out


def test_the_table_of_kinds_names_functions_with_the_options_they_take():
    for kind in _sensitivity._KINDS.values():
        taken = inspect.signature(getattr(tt.sensitivity, kind.function)).parameters
        assert set(kind.options) <= set(taken), kind.function


@pytest.mark.parametrize(
    ("kind", "option", "value", "others"),
    [
        ("shapley", "scope", "good", "these have it: global, failures"),
        ("failures", "scale", "log", "these have it: global, robustness"),
        ("ped-anova", "scale", "log", "these have it: global, robustness"),
        ("global", "game", "ablation", "these have it: shapley"),
        ("effects", "epsilon", "0.1", "these have it: robustness, one-at-a-time"),
    ],
)
def test_an_option_that_a_kind_does_not_understand_is_refused(file, kind, option, value, others):
    result = trimtab("sensitivity", file, "--kind", kind, f"--{option}", value)

    assert result.exit_code == 2
    assert f"--kind {kind} has no --{option}. Leave it out; {others}" in result.stderr


def test_an_option_at_its_default_is_refused_too_if_it_was_given(file):
    assert trimtab("sensitivity", file, "--kind", "effects", "--scope", "space").exit_code == 2


def test_options_reach_the_analysis(file):
    game = json.loads(trimtab("sensitivity", file, "--kind", "shapley", "--game", "tunability", "--json").stdout)
    tolerated = json.loads(trimtab("sensitivity", file, "--kind", "robustness", "--epsilon", "0.25", "--json").stdout)
    safest = json.loads(trimtab("sensitivity", file, "--kind", "failures", "--scope", "good", "--json").stdout)

    assert game["result"]["game"] == "tunability"
    assert tolerated["result"]["epsilon"] == 0.25
    assert safest["result"]["scope"] == "good"


def test_robustness_shows_configurations_and_switches(file):
    out = trimtab("sensitivity", file, "--kind", "robustness").stdout

    assert "Configurations: predicted objective there" in out
    assert "Switches: loss of another choice" in out
    assert "worst in the box" in out
    assert "mode=a" in out


def test_failures_say_so_in_the_title_and_without_any_they_are_refused(file, two_trials):
    assert "the variance of the probability of failure" in trimtab("sensitivity", file, "--kind", "failures").stdout
    result = trimtab("sensitivity", two_trials, "--kind", "failures")
    assert result.exit_code == 2
    assert "None of the 2 trials failed" in result.stderr


def test_advice_is_that_of_the_study(file):
    document = json.loads(trimtab("advice", file, "--epsilon", "0.1", "--confidence", "0.9", "--json").stdout)
    expected = tt.Study.load(file).advice(epsilon=0.1, confidence=0.9)

    assert [row["advice"] for row in document["rows"]] == [piece.advice for piece in expected.pieces]
    assert document["result"]["epsilon"] == 0.1
    assert document["result"]["confidence"] == 0.9


def test_advice_is_numbered_with_its_evidence(file):
    out = trimtab("advice", file).stdout
    pieces = tt.Study.load(file).advice().pieces

    assert pieces
    for number, piece in enumerate(pieces, start=1):
        assert f"{number}. {piece.advice}" in out
        assert piece.evidence in out
    assert "nan" not in out
    assert "= >" not in out


def test_advice_with_two_trials_is_to_run_more(two_trials):
    out = trimtab("advice", two_trials).stdout

    assert "1. Run more trials: there is too little to go by." in out
    assert "2 finished trials, at least 8 are needed" in out


@pytest.mark.parametrize("command", ["sensitivity", "advice"])
def test_of_several_objectives_one_must_be_named(with_limits, command):
    nameless = trimtab(command, with_limits, "--name", "front")

    assert nameless.exit_code == 2
    assert "The study has 2 objectives. Say which: --objective error." in nameless.stderr
    assert trimtab(command, with_limits, "--name", "front", "--objective", "speed").exit_code == 0


@pytest.mark.parametrize(("option", "value"), [("--epsilon", "-1"), ("--confidence", "2")])
def test_advice_with_an_impossible_option_says_what_was_expected(file, option, value):
    result = trimtab("advice", file, option, value)

    assert result.exit_code == 2
    assert "must" in result.stderr


def test_sensitivity_is_that_of_the_study(file):
    document = json.loads(trimtab("sensitivity", file, "--confidence", "0.8", "--scale", "raw", "--json").stdout)
    expected = tt.Study.load(file).sensitivity(confidence=0.8, scale="raw")

    assert [row["total"] for row in document["rows"]] == pytest.approx(list(expected.total))
    assert document["result"]["confidence"] == 0.8


def test_report_is_written_beside_the_study(file, tmp_path):
    target = tmp_path / "tuning.html"
    result = trimtab("report", file, "-o", str(target))

    assert result.exit_code == 0, result.output
    assert target.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert str(target) in result.stdout


@pytest.mark.parametrize("command", ["show", "best", "sensitivity", "advice", "report"])
def test_files_that_are_no_studies(command, tmp_path):
    (tmp_path / "text.db").write_text("this is no database, but quite long a text " * 50)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    (tmp_path / "empty.db").touch()
    expected = {
        "none.db": "There is no file",
        ".": "is a folder",
        "text.db": "no SQLite file",
        "other.db": "",
        "empty.db": "holds no study",
    }

    for name, message in expected.items():
        result = trimtab(command, str(tmp_path / name))
        assert result.exit_code in (1, 2), name
        assert result.stderr.startswith("Error: "), name
        assert message in result.stderr, name
        assert "Traceback" not in result.output, name
        assert "not meant to happen" not in result.output, name


def test_files_with_studies_nearby_are_suggested(file):
    result = trimtab("show", file.replace("study.db", "studdy.db"))

    assert result.exit_code == 2
    assert "In that folder: study.db" in result.stderr


def test_a_study_without_results(tmp_path):
    path = str(tmp_path / "new.db")
    study = tt.Study(SPACE, storage=path, seed=0, sampler="random")
    assert "No trial has finished yet" in trimtab("show", path).stdout
    assert json.loads(trimtab("show", path, "--json").stdout)["best"] is None
    assert "no finished trial" in trimtab("best", path).stderr
    assert trimtab("sensitivity", path).exit_code == 0
    study.tell(study.ask(), state="failed", error="no\nreason [red]here[/red] \x1b[31m")
    out = trimtab("show", path).stdout
    assert "reason [red]here[/red] \\x1b[31m" in out


HOSTILE = "[bold]a[/bold]\x1b[31m\n\u202e\udc80 'x' \N{SNOWMAN}"


@pytest.fixture
def hostile_file(tmp_path):
    path = tmp_path / "hostile.db"
    space = {HOSTILE: tt.Categorical(["[red]", "\x1b[2J", "ok"]), "x": tt.Float(0, 1)}
    study = tt.Study(space, storage=path, name=HOSTILE, seed=0, sampler="random")
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, trial["x"])
    study.close()
    return str(path)


@pytest.mark.parametrize("arguments", [["show"], ["best"], ["sensitivity"], ["sensitivity", "--kind", "one-at-a-time"]])
def test_hostile_names_are_shown_not_obeyed(hostile_file, arguments):
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "trimtab", arguments[0], hostile_file, *arguments[1:]]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120)

    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert b"[bold]a[/bold]\\x1b[31m\\n" in done.stdout


def test_hostile_names_in_json(hostile_file):
    document = json.loads(trimtab("best", hostile_file, "--json").stdout)

    assert document["study"] == HOSTILE
    assert HOSTILE in document["params"]


def test_a_pipe_gets_whole_lines_without_colours(file):
    command = [sys.executable, "-m", "trimtab", "show", file]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert sum("finished" in line and "shape=" in line for line in out.splitlines()) > 3


def test_a_reader_that_leaves_early_is_no_error(file):
    command = f"{sys.executable} -m trimtab show {file} --last 25 | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)

    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_failures_differ_by_reason_not_by_number():
    trials = [Trial(i, {}, state="failed", error=f"Traceback\nValueError: rate {i}.5e-3") for i in range(3)]
    trials += [Trial(3, {}, state="failed", error=None), Trial(4, {}, state="finished", value=1.0)]
    groups = failures(trials)

    assert [g.numbers for g in groups] == [(0, 1, 2), (3,)]
    assert [g.reason for g in groups] == ["ValueError: rate 2.5e-3", "no reason was recorded"]


def test_texts_of_durations():
    assert [seconds(s) for s in (None, 0.01234, 3.44, 61.2, 125.4, 3840.0)] == [
        "-",
        "0.012 s",
        "3.4 s",
        "61 s",
        "2 min 5 s",
        "1 h 4 min",
    ]


def test_clean_keeps_ordinary_text_and_shows_the_rest():
    assert clean("Grüße 世界 [x]") == "Grüße 世界 [x]"
    assert clean("a\tb\x1b\udc80\u202e") == "a\\tb\\x1b\\udc80\\u202e"


def test_plain_has_no_number_that_json_lacks():
    assert plain({"a": (float("nan"), float("inf"), 1), 2: {3}}) == {"a": [None, None, 1], "2": "{3}"}


class Verdicts:
    """A result with one long verdict."""

    def title(self):
        return "Title"

    def shown(self):
        return [{"parameter": "lr", "main": "3 %", "verdict": "matters: " + "because " * 30}]

    def remarks(self):
        return ("A remark.",)


class Wide(Verdicts):
    def shown(self):
        row = {"parameter": "learning_rate_init", **{f"column {k}": "0.123 [0.1, 0.2]" for k in range(5)}}
        return [{**row, "verdict": "matters: because"}]


def test_where_the_table_alone_is_too_wide_verdicts_stand_below_and_names_stay_whole(monkeypatch, capsys):
    monkeypatch.setattr(_output, "_width", lambda: 80)
    _output.print_result(Wide())
    out = capsys.readouterr().out

    assert max(map(len, out.splitlines())) <= 80
    assert "  learning_rate_init   0.123" in out
    assert "  learning_rate_init matters: because\n" in out


@pytest.mark.parametrize(("width", "own_line"), [(80, True), (400, False)])
def test_on_a_narrow_terminal_reasons_stand_below_the_table(monkeypatch, capsys, width, own_line):
    monkeypatch.setattr(_output, "_width", lambda: width)
    _output.print_result(Verdicts())
    lines = capsys.readouterr().out.splitlines()

    assert max(map(len, lines)) <= width
    assert any(line.split() == ["lr", "3", "%", "matters"] for line in lines) == own_line
    assert any(line.startswith("  lr: because") for line in lines) == own_line
    assert " ".join(lines).count("because") == 30
