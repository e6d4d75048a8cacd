"""Nothing that comes from a file, a database or a program's output becomes code: what could do that is used in named files only."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "trimtab"
OWN_PROCESSES = "talks to worker processes that this run started itself, over a pipe that nobody else can open"
ALLOWED = {  # file -> what it may use, and why
    "executors/_process.py": ({"pickle.loads"}, OWN_PROCESSES),
    "executors/_parcels.py": ({"pickle.loads"}, OWN_PROCESSES),
    "executors/_worker.py": ({"pickle.loads"}, OWN_PROCESSES),
    "executors/_cluster.py": (
        {"pickle.loads"},
        "runs on the workers of a cluster, which execute what its users send anyway",
    ),
    "cli/_yaml.py": ({"yaml.load"}, "with a loader made from yaml.SafeLoader: plain values only"),
}
DANGEROUS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "runpy.run_path", "runpy.run_module",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads",
    "joblib.load", "marshal.load", "marshal.loads", "shelve.open", "torch.load", "yaml.load", "yaml.unsafe_load",
    "yaml.full_load", "yaml.load_all", "numpy.load", "np.load", "pandas.read_pickle",
}  # fmt: skip


def dotted(node):
    """a.b.c of a name; "" for what is none."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def names(tree):
    """Everything that a file calls or hands on, under the names by which it imported it."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield dotted(node)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (f"{alias.name} as" for alias in node.names if alias.asname)


TREES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))
}
USED = {name: set(names(tree)) for name, tree in TREES.items()}


def test_code_is_loaded_in_named_files_only():
    for name, used in USED.items():
        allowed, _ = ALLOWED.get(name, (set(), ""))

        assert used & DANGEROUS <= allowed, (
            f"{name} uses {used & DANGEROUS}: find another way, or name it here with the reason"
        )
        assert allowed <= used, f"{name} does not need {allowed - used} any more"
        assert not used & {"pickle as", "cloudpickle as", "yaml as", "os as", "marshal as"}, (
            f"{name} hides a module's name"
        )


def test_no_shell_and_no_pickled_arrays_by_a_keyword():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg == "shell":
                    assert not dotted(node.func).startswith(("subprocess.", "asyncio.")), f"{name}:{node.lineno}"
                assert keyword.arg not in ("allow_pickle", "weights_only") or is_false, f"{name}:{node.lineno}"


def test_storages_and_records_know_no_pickle():
    """A storage object travels to a worker process as its address; nothing that it holds is pickled."""
    for name, used in USED.items():
        if name.startswith(("storage/", "records/", "space/", "report/")):
            assert not {word.partition(".")[0] for word in used} & {"pickle", "cloudpickle", "marshal"}, name


def test_the_scan_sees_what_it_should():
    found = set(names(ast.parse("import os\nfrom pickle import loads\nx = eval\nos.system('a')\nimport yaml as y\n")))

    assert {"eval", "os.system", "pickle.loads", "yaml as"} <= found


def test_a_constraint_is_no_python(tmp_path):
    """The expression language of conditions and constraints knows numbers, comparisons and names of parameters."""
    from trimtab.errors import SpaceError
    from trimtab.space import Float, Space

    for text in (
        f"__import__('os').system('touch {tmp_path}/hit')",
        "x.__class__.__mro__[1].__subclasses__()",
        "(lambda: 1)() > 0",
        "[x for x in (1, 2)] == 1",
        "f'{x}' == '1'",
        "open('f') == 1",
        "x ** 9 ** 9 ** 9 > 1",
        "(" * 500 + "x" + ")" * 500 + " > 1",
        "x > 1 " + "and x > 1 " * 10_000,
    ):
        with pytest.raises(SpaceError):
            Space({"x": Float(0, 1)}, constraints=[text])
    assert not (tmp_path / "hit").exists()
