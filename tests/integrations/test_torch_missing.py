"""Without torch the package says which extra brings it."""

import os
import subprocess
import sys


def test_says_which_extra_to_install(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('hidden')")
    code = (
        "import trimtab.errors\n"
        "try:\n    import trimtab.integrations.torch\n"
        "except trimtab.errors.MissingExtra as error:\n    print(error)"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "'torch' is needed here and is not installed (hidden)" in done.stdout
    assert "python -m pip install 'trimtab[torch]'" in done.stdout
