"""The other tools' virtual environments, one a tool, from requirements/<env>.txt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["make"]

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"


def make(env: str, envs: Path, requirements: Path = REQUIREMENTS) -> None:
    """Makes an environment, or leaves it as it is where it was made from the same requirements.

    A line `# no-deps: NAME ...` of the requirements is installed last, without what it asks for.
    ValueError if there are no requirements, CalledProcessError if pip fails.
    """
    file, folder = requirements / f"{env}.txt", envs.resolve() / env
    if not file.exists():
        raise ValueError(f"There is no {file}: write what the environment {env!r} needs into it.")
    text, made = file.read_text(), folder / "made-from.txt"
    if made.exists() and made.read_text() == text:
        print(f"{env}: there already.")
        return
    print(f"{env}: making {folder} ...", flush=True)
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    pip = [str(folder / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip", "install", "--quiet"]
    pip.append("--disable-pip-version-check")
    subprocess.run([*pip, "-r", str(file)], check=True, stdout=sys.stderr)
    for names in re.findall(r"^# no-deps:(.*)$", text, re.MULTILINE):
        subprocess.run([*pip, "--no-deps", *names.split()], check=True, stdout=sys.stderr)
    made.write_text(text)
