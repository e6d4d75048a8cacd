"""The package as a whole: what an import costs, and what it promises."""

import subprocess
import sys

HEAVY = (
    "scipy.stats",
    "scipy.optimize",
    "scipy.linalg",
    "pandas",
    "sklearn",
    "plotly",
    "click",
    "rich",
    "torch",
    "cloudpickle",
)


def modules_after(code):
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(out.stdout.split())


def test_importing_trimtab_imports_nothing_heavy():
    loaded = modules_after("import trimtab")
    assert not [name for name in HEAVY if name in loaded]


def test_a_random_study_in_memory_needs_numpy_only():
    code = "import trimtab as tt; tt.minimize(lambda t: t['x'], {'x': tt.Float(0, 1)}, 5, sampler='random', seed=0)"
    loaded = modules_after(code)
    assert not [name for name in HEAVY if name in loaded]


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    import trimtab

    assert version("trimtab") == trimtab.__version__


def test_the_package_carries_its_type_marker():
    from importlib.resources import files

    assert files("trimtab").joinpath("py.typed").is_file()
