"""The drivers of other tools as files: what can be checked where the tools are not installed."""

import ast
import re
from pathlib import Path

import pytest
from benchmarks.peers.tools import TOOLS

PEERS = Path(__file__).resolve().parents[2] / "benchmarks" / "peers"
DRIVERS = sorted(p for p in (PEERS / "drivers").glob("*.py") if p.name != "_serve.py")
OTHERS = [tool for tool in TOOLS.values() if tool.env is not None]


def imported(path):
    """The names of the top packages that a file imports, in order."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, str(node.module)))
    return [name.split(".")[0] for _, name in sorted(found)]


def requirements(env):
    return (PEERS / "requirements" / f"{env}.txt").read_text()


@pytest.mark.parametrize("tool", OTHERS, ids=lambda tool: " ".join((tool.driver, *tool.arguments)))
def test_a_tool_has_its_driver_and_requirements_that_name_one_version_of_it(tool):
    assert PEERS / "drivers" / f"{tool.driver}.py" in DRIVERS
    assert re.search(r"^(# no-deps: )?[\w-]+==\d+(\.\d+)+", requirements(tool.env), re.MULTILINE)


def test_what_needs_torch_pins_it_so_that_its_cpu_build_can_be_chosen():
    for env in {tool.env for tool in OTHERS}:
        uses = {
            name for tool in OTHERS if tool.env == env for name in imported(PEERS / "drivers" / f"{tool.driver}.py")
        }
        assert ("torch" in uses) == ("torch==" in requirements(env)), env


@pytest.mark.parametrize("path", [p for p in DRIVERS if p.stem != "trimtab_"], ids=lambda path: path.stem)
def test_a_driver_takes_standard_output_away_before_it_imports_a_tool(path):
    standard = {"__future__", "importlib", "logging", "math", "random", "sys", "tempfile", "typing", "warnings"}
    names = imported(path)

    assert set(names[: names.index("_serve")]) <= standard


@pytest.mark.parametrize("path", DRIVERS, ids=lambda path: path.stem)
def test_a_driver_says_how_it_drives_and_only_ours_knows_trimtab(path):
    assert ast.get_docstring(ast.parse(path.read_text())).startswith("Drives ")
    assert ("trimtab" in imported(path)) == (path.stem == "trimtab_")
