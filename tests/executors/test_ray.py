"""Ray: the contract, and a real study of which a worker is killed. On a Ray of this machine, on loopback, that tells nobody."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from importlib.util import find_spec

import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import trimtab as tt
from trimtab.errors import InputError, MissingExtra
from trimtab.executors import Ray
from trimtab.testing import check_executor

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # else it writes one to the home folder
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # everything on 127.0.0.1
}


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'trimtab[ray]'")
def test_a_study_on_ray_survives_the_death_of_a_worker(monkeypatch, tmp_path):
    """One test for all, so that Ray starts once, however tests are shared out among processes."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    import ray

    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        ray.init(
            num_cpus=2, include_dashboard=False, object_store_memory=80_000_000, log_to_driver=False, _temp_dir=folder
        )
        try:
            check_executor(Ray)
            a_killed_worker_costs_one_requeue(tmp_path)
            asks_for_what_fits()
        finally:
            ray.shutdown()


def a_killed_worker_costs_one_requeue(tmp_path):
    x, y = load_digits(return_X_y=True)
    x, y = x[:400] / 16.0, y[:400]
    begun = tmp_path / "begun"

    def loss(params):
        network = MLPClassifier((16,), batch_size=50, random_state=0, **params)
        for _ in range(3):
            network.partial_fit(x, y, classes=range(10))
            yield network.loss_

    def objective(trial):
        for epoch, value in enumerate(loss(trial)):
            trial.report(value, epoch)
            if trial.number == 2 and epoch == 1 and not begun.exists():
                begun.write_text(str(os.getpid()))
                time.sleep(60.0)
        return value

    killer = threading.Thread(target=kill_what_writes, args=[begun])
    killer.start()
    study = tt.minimize(
        objective,
        {"alpha": tt.Float(1e-6, 1e-1, log=True), "learning_rate_init": tt.Float(1e-4, 1e-1, log=True)},
        n_trials=6,
        sampler="random",
        executor=Ray(num_cpus=1),
        retries=1,
        progress=False,
        seed=0,
    )
    killer.join()

    assert [trial.state for trial in study.trials] == ["finished"] * 6
    for trial in study.trials[1:4]:
        losses = list(loss(trial.params))
        assert trial.value == pytest.approx(losses[-1], rel=1e-6)
        assert list(trial.reports.values())[-3:] == pytest.approx(losses, rel=1e-6)
    (last,) = [event for event in study.storage.read("study")[0] if type(event).__name__ == "Released"]
    assert last.number == 2


def kill_what_writes(path):
    deadline = time.monotonic() + 120.0
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(int(path.read_text()), signal.SIGKILL)


def asks_for_what_fits():
    assert Ray().capacity == 2
    assert Ray(num_cpus=2).capacity == 1
    assert Ray(7, num_gpus=1).capacity == 7  # a cluster that grows
    with pytest.raises(InputError, match=r"fits into the Ray cluster.*workers="):
        Ray(num_gpus=1)
    with pytest.raises(InputError, match=r"takes of CPU, got -1"):
        Ray(num_cpus=-1)
    with pytest.raises(InputError, match=r"whole number of workers from 1, got 0"):
        Ray(0)


def test_says_what_to_install_where_ray_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"'ray' is needed.*pip install 'trimtab\[ray\]'"):
        Ray()
