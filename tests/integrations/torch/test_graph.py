"""Recorded operations give what the function gives; where they would not, the function itself is run."""

from __future__ import annotations

import pytest

# ruff: noqa: E402
torch = pytest.importorskip("torch")

from torch.func import grad, jvp, vmap

from trimtab.integrations.torch import _random
from trimtab.integrations.torch._batches import take_apart
from trimtab.integrations.torch._graph import Traced, recorded

_, FORM = take_apart((), torch.zeros(()), cast=False)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def columns(w, x, dw):
    """Gradient of a small network, and its tangents: what the training runs at each step."""

    def loss(w):
        return (torch.tanh(x @ w) ** 2).mean() + w.abs().sum()

    return vmap(lambda d: jvp(grad(loss), (w,), (d,)), out_dims=(None, 0))(dw)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (7, 4), (2, 4, 3))]


def operations(graph):
    module = graph.__closure__[0].cell_contents
    return [node for node in module.graph.nodes if node.op == "call_function"]


def test_gives_the_same_for_other_tensors(inputs):
    first, graph = recorded(columns, inputs)
    others = [2 * tensor + 1 for tensor in inputs]
    torch.testing.assert_close(first, columns(*inputs))
    torch.testing.assert_close(graph(*others), columns(*others), rtol=1e-12, atol=1e-14)


def test_structural_zeros_and_repetitions_are_gone():
    """A linear function: the tangent of its gradient is 0, whatever is recorded on the way."""
    x, w, dw = torch.randn(7, 4), torch.randn(4, 3), torch.randn(2, 4, 3)

    def function(w, dw):
        return vmap(lambda d: jvp(grad(lambda w: (x @ w).sum() + (x @ w).sum()), (w,), (d,)), out_dims=(None, 0))(dw)

    _, graph = recorded(function, (w, dw))
    products = [node for node in operations(graph) if node.target is torch.ops.aten.mm.default]
    assert len(products) <= 2  # of the gradient; the two losses share the rest
    value, tangent = graph(w, dw)
    torch.testing.assert_close(value, (2 * x.sum(0))[:, None].expand(4, 3))
    assert not tangent.any()


def test_one_tensor_twice_are_two_inputs():
    x = torch.arange(3.0)
    _, graph = recorded(lambda a, b: a - b, (x, x))
    assert graph(x, torch.zeros(3)).tolist() == [0.0, 1.0, 2.0]


def test_random_numbers_are_drawn_anew_and_in_order():
    def function(x):
        torch.rand(2)  # drawn for nothing, but drawn
        return x * torch.rand(x.shape)

    x = torch.ones(3)
    _, graph = recorded(function, (x,))
    with _random.seeded(1):
        expected = [function(x), function(x)]
    with _random.seeded(1):
        assert torch.equal(graph(x), expected[0])
        assert torch.equal(graph(x), expected[1])


def test_tensors_from_outside_are_seen_as_they_are_now():
    outside = torch.ones(2)
    _, graph = recorded(lambda x: x * outside, (torch.ones(2),))
    outside.fill_(3.0)
    assert graph(torch.ones(2)).tolist() == [3.0, 3.0]


def test_what_depends_on_values_is_not_recorded():
    with pytest.raises(ValueError, match="values that may be others"):
        recorded(lambda x: x * 2 if x.sum().item() > 0 else x, (torch.ones(2),))
    with pytest.raises(ValueError, match="values that may be others"):
        recorded(lambda x: x[x > 0].sum(), (torch.ones(2),))


def count_of(function, n, calls, tensor=lambda k: torch.full((2,), float(k))):
    """Results of n calls, and how often the function itself was run."""
    runs = []

    def counted(form, *tensors):
        runs.append(1)
        return function(*tensors)

    traced = Traced(counted, calls)
    return [traced(FORM, tensor(k)) for k in range(n)], len(runs)


def test_the_function_is_run_three_times_of_many():
    results, runs = count_of(lambda x: x * 2, 50, 50)
    assert runs == 3  # the first, the recorded one, and the one that is compared
    assert [float(r[0]) for r in results] == [2.0 * k for k in range(50)]


def test_few_calls_are_not_worth_recording():
    assert count_of(lambda x: x * 2, 9, 9)[1] == 9
    assert count_of(lambda x: x * 2, 30, None)[1] == 11  # nobody knows how many: waits


def test_a_function_that_changes_is_found_out():
    state = [0.0]

    def function(x):
        state[0] += 1
        return x + state[0]

    results, _ = count_of(function, 20, 20)
    assert [float(r[0]) for r in results] == [k + k + 1.0 for k in range(20)]


def test_a_function_that_branches_on_values_is_run_itself():
    results, runs = count_of(lambda x: -x if float(x[0]) > 5 else x, 20, 20)
    assert [float(r[0]) for r in results] == [float(k if k <= 5 else -k) for k in range(20)]
    assert runs >= 20


def test_each_shape_has_its_own_list():
    results, runs = count_of(lambda x: x.sum() / len(x), 60, 60, lambda k: torch.full((2 + k % 2,), float(k)))
    assert [float(r) for r in results] == pytest.approx(range(60))
    assert runs == 3 + 11
