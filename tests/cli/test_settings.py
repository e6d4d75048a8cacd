"""Settings files: what they mean, and what their mistakes are called."""

import pytest

from trimtab.cli._settings import read_settings
from trimtab.errors import InputError
from trimtab.space import Categorical, Constant, Float, Int

GOOD = """
[study]
name = "digits"
direction = "maximize"
sampler = "tpe"
seed = 3
n_trials = 20
timeout = 60

[space]
lr = {type = "float", low = 1e-4, high = 1e-1, log = true}
units = {type = "int", low = 16, high = 64, step = 16}
size = {type = "categorical", choices = ["s", "m", "l"], ordered = true}
layers = [[50], [100, 50]]
solver = ["adam", "sgd"]
epochs = 20
momentum = {type = "float", low = 0.5, high = 0.99, when = {solver = "sgd"}}
depth = {type = "int", low = 1, high = 3, when = "units >= 32"}
constraints = ["lr < 1e-2 or units <= 32"]

[objective]
command = "python train.py --lr {lr} --name 'a b'"
value = "accuracy"
timeout = 2.5
"""

SPACE = '[space]\nx = {type = "float", low = 0, high = 1}\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name="study.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_every_key_has_its_meaning(write):
    settings = read_settings(write(GOOD))
    parameters = settings.space.parameters

    assert (settings.name, settings.direction, settings.sampler, settings.seed) == ("digits", "maximize", "tpe", 3)
    assert (settings.n_trials, settings.timeout, settings.storage) == (20, 60, "study.db")
    assert settings.command == ("python", "train.py", "--lr", "{lr}", "--name", "a b")
    assert (settings.value, settings.trial_timeout) == ("accuracy", 2.5)
    assert parameters["lr"] == Float(1e-4, 1e-1, log=True)
    assert parameters["units"] == Int(16, 64, step=16)
    assert parameters["size"] == Categorical(["s", "m", "l"], ordered=True)
    assert parameters["layers"] == Categorical([(50,), (100, 50)])
    assert parameters["epochs"] == Constant(20)
    assert parameters["momentum"] == Float(0.5, 0.99, when={"solver": "sgd"})
    assert parameters["depth"] == Int(1, 3, when="units >= 32")
    assert [c.text for c in settings.space.constraints] == ["lr < 1e-2 or units <= 32"]


def test_goals_repeats_and_known_configurations(write):
    study = """
[study]
objectives = {error = "minimize", speed = "maximize"}
outcome_constraints = ["memory <= 8"]
repeats = 5
understand = 0.2
start = [{x = 0.25, layers = [100, 50]}]
warm_start = "earlier.db"
"""
    settings = read_settings(write(study + SPACE + "layers = [[50], [100, 50]]\n"))

    assert settings.objectives == {"error": "minimize", "speed": "maximize"}
    assert settings.outcome_constraints == ["memory <= 8"]
    assert settings.repeats == 5
    assert settings.understand == 0.2
    assert settings.start == ({"x": 0.25, "layers": (100, 50)},)
    assert settings.warm_start == ("earlier.db",)

    several = read_settings(write('[study]\nobjectives = ["a", "b"]\nwarm_start = ["a.db", "b.db"]\n' + SPACE))
    assert several.objectives == ["a", "b"]
    assert several.warm_start == ("a.db", "b.db")


def test_yaml_means_the_same(write):
    yaml = """
study: {n_trials: 5, seed: 1}
space:
  lr: {type: float, low: 1e-4, high: 1e-1, log: true}
  switch: [on, off]
  solver: [adam, sgd]
objective:
  command: [python, train.py, '{lr}']
"""
    settings = read_settings(write(yaml, "study.yaml"))

    assert settings.space.parameters["lr"] == Float(1e-4, 1e-1, log=True)
    assert settings.space.parameters["switch"] == Categorical(["on", "off"])
    assert settings.command == ("python", "train.py", "{lr}")
    assert settings.n_trials == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[study]\nn_trails = 5\n" + SPACE,
            r"study.toml: \[study\] has the unknown key 'n_trails'. Did you mean 'n_trials'",
        ),
        ("[studdy]\n" + SPACE, "unknown key 'studdy'. Did you mean 'study'"),
        ('[study]\nn_trials = "5"\n' + SPACE, r"n_trials must be a whole number, got '5'"),
        ("[study]\nn_trials = true\n" + SPACE, r"n_trials must be a whole number, got True"),
        ("[study]\nname = 5\n" + SPACE, r"name must be a text, got 5"),
        ('[study]\ndirection = "up"\n' + SPACE, r"direction must be 'minimize' or 'maximize', got 'up'"),
        ('[study]\nobjectives = "error"\n' + SPACE, r"objectives must be a table or a list, got 'error'"),
        ('[study]\nobjectives = {error = "up"}\n' + SPACE, r"\[study\] objectives\['error'\] must be .*got 'up'"),
        ("[study]\nobjectives = [1]\n" + SPACE, r"\[study\] objectives must be a list of names or .*got 1"),
        ("[study]\nobjectives = []\n" + SPACE, r"\[study\] objectives must be a list of names"),
        ('[study]\noutcome_constraints = "m <= 8"\n' + SPACE, r"outcome_constraints must be a list, got 'm <= 8'"),
        ('[study]\noutcome_constraints = ["m < 8"]\n' + SPACE, r'\[study\] An outcome constraint .*"memory <= 8"'),
        ("[study]\nrepeats = 2.5\n" + SPACE, r"repeats must be a whole number, got 2.5"),
        ('[study]\nunderstand = "0.2"\n' + SPACE, r"understand must be a number, got '0.2'"),
        ("[study]\nstart = {x = 1}\n" + SPACE, r"start must be a list, got"),
        ("[study]\nstart = [0.5]\n" + SPACE, r"start must be a list of tables, .*got 0.5 in it"),
        ("[study]\nstart = [{x = 1}, {x = 2}]\n" + SPACE, r"\[study\] start, configuration 2: .*x"),
        ("[study]\nwarm_start = 5\n" + SPACE, r"warm_start must be a text or a list, got 5"),
        ("[study]\nwarm_start = [5]\n" + SPACE, r"warm_start must name files of studies, .*got 5"),
        (
            '[study]\nobjectives = ["a"]\n' + SPACE + '[objective]\nvalue = "a"\n',
            r"objectives names them. Remove value",
        ),
        ("study = 5\n" + SPACE, r"\[study\] must be a table"),
        ("[study]\nn_trials = 5\n", r"\[space\] is missing or empty"),
        ("[space]\n", r"\[space\] is missing or empty"),
        ("[space]\nx = 5\n", r"no parameter to search"),
        ("[space]\nx = {low = 0, high = 1}\n", r"\[space\] x needs type = one of 'float', .*got none"),
        ('[space]\nx = {type = "flaot", low = 0, high = 1}\n', r"got 'flaot'. Did you mean 'float'"),
        ('[space]\nx = {type = "float", low = 0}\n', r"\[space\] x needs high ="),
        ('[space]\nx = {type = "float", low = 0, high = 1, logg = true}\n', r"unknown key 'logg'. Did you mean 'log'"),
        ('[space]\nx = {type = "float", low = 0, high = 1, log = true}\n', r"\[space\] x: .*low > 0"),
        ('[space]\nx = {type = "float", low = 0, high = 1, log = 1}\n', r"log must be true or false, got 1"),
        ('[space]\nx = {type = "float", low = 2, high = 1}\n', r"\[space\] x: .*low < high"),
        ('[space]\nx = {type = "categorical", choices = "ab"}\n', r"choices must be a list, got 'ab'"),
        ("[space]\nx = []\n", r"'x' has an empty list"),
        (SPACE + 'constraints = "x < 1"\n', r"constraints must be a list of expressions"),
        (SPACE + 'constraints = ["y < 1"]\n', r"'y'"),
        (SPACE + "constraints = [\"__import__('os')\"]\n", r"study.toml: "),
        (SPACE + "[objective]\ncommand = []\n", r"command is empty"),
        (SPACE + '[objective]\ncommand = "a \'b"\n', r"No closing quotation"),
        (SPACE + '[objective]\ncommand = [["a"]]\n', r"command must be a list of texts"),
        (SPACE + '[objective]\ncommand = "a"\nfunction = "b:c"\n', r"both command and function"),
        (SPACE + "[objective]\ntimeout = 0\n", r"timeout must be more than 0"),
        (SPACE + "x = 5\n", r"no valid TOML: .*line 3"),
        (b"\xff\xfe[", r"no UTF-8 text"),
    ],
)
def test_a_mistake_is_named(write, text, message):
    with pytest.raises(InputError, match=message):
        read_settings(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "must hold the tables"),
        ("space: {x: [1, 2]}\nspace: {y: [1, 2]}\n", "'space' is there twice"),
        ("space: {1: [1, 2]}\n", "must be a text"),
        ("space: [1, 2\n", "no valid YAML"),
        ("space: !!python/object/apply:os.getcwd []\n", "no valid YAML"),
    ],
)
def test_a_mistake_in_yaml_is_named(write, text, message):
    with pytest.raises(InputError, match=message):
        read_settings(write(text, "study.yml"))


def test_what_is_no_settings_file(tmp_path, write):
    with pytest.raises(InputError, match="There is no file"):
        read_settings(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is a folder"):
        read_settings(tmp_path)
    with pytest.raises(InputError, match=r"ends in .toml, .yaml or .yml"):
        read_settings(write("", "study.ini"))
    with pytest.raises(InputError, match="bytes"):
        read_settings(write("#" * 1_000_001))


def test_a_prior_is_a_number_an_interval_a_choice_or_weights(write):
    settings = read_settings(
        write(
            """
[space]
lr = {type = "float", low = 1e-4, high = 1e-1, log = true, prior = 1e-3}
units = {type = "int", low = 16, high = 64, prior = [20, 40]}
solver = {choices = ["adam", "sgd"], prior = "adam"}
layers = {choices = [[50], [100, 50]], prior = [100, 50]}
act = {choices = ["relu", "tanh"], prior = {relu = 3, tanh = 1}}
"""
        )
    )
    parameters = settings.space.parameters

    assert parameters["lr"].prior == 1e-3
    assert parameters["units"].prior == (20.0, 40.0)
    assert parameters["solver"].prior == (0.75, 0.25)
    assert parameters["layers"].prior == (0.25, 0.75)
    assert parameters["act"].prior == (0.75, 0.25)
