"""The pure optimisers follow torch.optim's own trajectories, and their tangents are those of torch's forward mode."""

from __future__ import annotations

import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from torch.func import jvp

from trimtab.errors import InputError
from trimtab.integrations.torch import SGD, Adam, AdamW

# torch.func.jvp itself calls what torch deprecates
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

CASES = {
    "sgd": (SGD(), {"lr": 0.1}),
    "sgd momentum": (SGD(), {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "sgd dampening": (SGD(), {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    "sgd nesterov": (SGD(nesterov=True), {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.01}),
    "adam": (Adam(), {"lr": 0.05}),
    "adam all": (Adam(), {"lr": 0.05, "beta1": 0.7, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.02}),
    "adamw": (AdamW(), {"lr": 0.05}),
    "adamw all": (AdamW(), {"lr": 0.05, "beta1": 0.7, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.02}),
}


def gradient(w):
    """Curved, with one stable point; 0 at the first two weights, as for the pixels of a margin."""
    return torch.cat([torch.zeros(2, dtype=w.dtype), (w - 0.3 * torch.sin(2 * w + w.flip(0)))[2:]])


@pytest.fixture
def start():
    return torch.randn(9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("case", CASES)
def test_follows_torch_optim_to_rounding(case, start):
    optimizer, given = CASES[case]
    s = {**optimizer.defaults, **given}
    theirs = torch.nn.Parameter(start.clone())
    original = optimizer.original([{"params": [theirs], **optimizer.group(s)}])

    w, slots = start, optimizer.init(start)
    for t in range(1, 101):
        w, slots = optimizer.step(w, slots, gradient(w), s, float(t == 1), t)
        theirs.grad = gradient(theirs.detach())
        original.step()

    torch.testing.assert_close(w, theirs.detach(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_tangents_are_those_of_the_step(case, start):
    """Ten steps with a tangent for each setting, beside torch's forward mode of the pure step."""
    optimizer, given = CASES[case]
    s = {**optimizer.defaults, **given}
    names = list(s)
    w, slots = start, optimizer.init(start)
    dw = torch.zeros(len(names), len(w), dtype=w.dtype)
    dslots = [torch.zeros_like(dw) for _ in slots]
    ds = {name: [(j, 1.0)] for j, name in enumerate(names)}
    for t in range(1, 11):
        dg = torch.stack([jvp(gradient, (w,), (row,))[1] for row in dw])
        w, slots = optimizer.tangent(w, slots, gradient(w), s, t, dw, dslots, dg, ds)

    def trained(*settings):
        w, slots = start, optimizer.init(start)
        for t in range(1, 11):
            w, slots = optimizer.step(w, slots, gradient(w), dict(zip(names, settings, strict=True)), float(t == 1), t)
        return w

    point = tuple(torch.tensor(s[name], dtype=torch.float64) for name in names)
    for j, name in enumerate(names):
        unit = tuple(torch.tensor(float(k == j), dtype=torch.float64) for k in range(len(names)))
        value, expected = jvp(trained, point, unit)
        torch.testing.assert_close(w, value, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(dw[j], expected, rtol=1e-9, atol=1e-12, msg=f"{case}: {name}")


@pytest.mark.parametrize("case", ["sgd nesterov", "adam all", "adamw all"])
def test_one_number_a_weight_is_as_good_as_one_for_all(case, start):
    optimizer, given = CASES[case]
    s = {**optimizer.defaults, **given}
    spread = {name: torch.full_like(start, value) for name, value in s.items()}
    results = []
    for settings, one in ((s, 1.0), (spread, torch.ones_like(start))):
        w, slots = start, optimizer.init(start)
        dw = torch.zeros(1, len(w), dtype=w.dtype)
        dslots = [torch.zeros_like(dw) for _ in slots]
        for t in range(1, 6):
            dg = jvp(gradient, (w,), (dw[0],))[1][None]
            ds = {name: [(0, one)] for name in s}
            w, slots = optimizer.tangent(w, slots, gradient(w), settings, t, dw, dslots, dg, ds)
        results.append((w, dw))

    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "values", "words"),
    [
        (SGD(), {"momentum": 0.0, "dampening": 0.1}, "dampening"),
        (SGD(nesterov=True), {"momentum": 0.9, "dampening": 0.1}, "dampening"),
        (SGD(nesterov=True), {"momentum": 0.0, "dampening": 0.0}, "nesterov"),
        (SGD(momentum=lambda step, h: 0.0), {"momentum": 0.0, "dampening": 0.0}, "schedule of momentum"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(optimizer, values, words):
    with pytest.raises(InputError, match=words):
        optimizer.group({**optimizer.defaults, **values})
