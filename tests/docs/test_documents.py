"""What the documents say is true: their code runs, their links lead somewhere, every command and public name is in them."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import trimtab as tt

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


def run(code, folder):
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_each(codes, folder):
    """Each on its own, all in one process: what they import is imported once."""
    return run(f"for code in {codes!r}:\n    exec(code, {{'__name__': '__main__'}})", folder)


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_the_code_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    out = run("\n".join(blocks(ROOT / page, "python")), tmp_path)
    assert "learning_rate_init" in out
    assert any(verdict in out for verdict in ("matters", "cannot be told from a dead knob", "too little data"))


@pytest.mark.parametrize("page", ["docs/how-to.md", "docs/machines.md"])
def test_each_block_of_a_page_runs(page, tmp_path):
    run_each(blocks(ROOT / page, "python"), tmp_path)


def test_each_block_of_the_page_on_hypergradients_runs(tmp_path):
    codes = blocks(ROOT / "docs/hypergradients.md", "python")
    out = run_each([code for code in codes if "torch" not in code or find_spec("torch")], tmp_path)
    assert "  trust" in out
    assert "do not trust this gradient: the derivative of the weights grew" in out
    assert "Smoothed gradient" in out


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_each_block_of_the_page_on_loops_of_ones_own_runs(tmp_path):
    out = run_each(blocks(ROOT / "docs/hypergradients-in-your-loop.md", "python"), tmp_path)
    assert out.count("  trust") >= 6
    assert "state='finished'" in out


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_pictures_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


def test_the_reference_is_what_the_docstrings_say():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/make_reference.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_has_a_docstring_and_stands_in_the_reference():
    reference = (ROOT / "docs/reference.md").read_text()
    for name in tt.__all__:
        if name.startswith("__"):
            continue
        assert getattr(tt, name).__doc__, f"{name} has no docstring"
        assert f"`{name}" in reference or f"trimtab.{name}`" in reference, f"{name} is not in docs/reference.md"


def test_every_command_is_in_the_documents():
    from trimtab.cli import main

    text = "\n".join(page.read_text() for page in PAGES)
    for name in main.commands:
        assert re.search(rf"trimtab {name}\b|`{name}`", text), f"`trimtab {name}` is in no document"


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs/adr/README.md").read_text()
    for page in (ROOT / "docs/adr").glob("0*.md"):
        assert page.name in index


def test_the_readme_has_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert "python -m pip install . && trimtab demo" in readme
    assert "<!-- test command -->\n```bash\npython -m pip install '.[dev]' && python -m pytest" in readme
