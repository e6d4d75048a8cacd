"""Small trainings in double precision, whose derivatives finite differences find to many digits."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

if find_spec("torch") is not None:  # else all tests here are skipped
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    from trimtab.integrations.torch import Training, l1, smoothed_cross_entropy


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Task:
    """Three classes of 60 points; batches of 20, three an epoch."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.x = torch.randn(100, 5, generator=generator, dtype=torch.float64)
        self.y = (self.x[:, 0] > 0).long() + (self.x[:, 1] + 0.5 * self.x[:, 2] > 0).long()
        self.batches = [(self.x[k : k + 20], self.y[k : k + 20]) for k in (0, 20, 40)]

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()

    def loss(self, model, batch, h):
        x, y = batch
        penalty = sum((w * w).sum() for w in model.parameters())
        return h["weight"] * smoothed_cross_entropy(model(x), y, h["smoothing"]) + h["l2"] * penalty

    def l1_loss(self, model, batch, h):
        return cross_entropy(model(batch[0]), batch[1]) + h["l1"] * l1(model)

    def plain_loss(self, model, batch):
        return cross_entropy(model(batch[0]), batch[1])

    def validation(self, model):
        return cross_entropy(model(self.x[60:]), self.y[60:])

    def training(self, **changed) -> Training:
        settings = {
            "model": self.network,
            "loss": self.loss,
            "batches": self.batches,
            "validation": self.validation,
            "steps": 10,
        }
        return Training(**{**settings, **changed})


@pytest.fixture(scope="session")
def task():
    return Task()


def differences(training, at, names, *, seed=0, part=1e-5):
    """d value / d name by central differences of the plain training."""
    found = {}
    for name in names:
        step = part * (abs(at[name]) or 1e-2)
        above, below = (training({**at, name: at[name] + sign * step}, seed).value for sign in (1, -1))
        found[name] = (above - below) / (2 * step)
    return found


@pytest.fixture(scope="session")
def central():
    return differences
