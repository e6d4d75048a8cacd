"""A function of tensors, written down once and then run as a flat list of operations: derivatives at a tenth of their usual overhead.

torch.func sends each operation through one layer a transform, in each step anew. Here the operations that reach the kernels are recorded,
simplified, and from then on done without the layers.

That is right only if the function does the same operations each time. What tells otherwise: an operation whose course depends on values (a
loss that branches on them); another shape or type; and, when the list is used for the first time, its results beside those of the
function itself, on other data. Then the function itself is run.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import torch
from torch import fx
from torch.func import functionalize
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from trimtab.integrations.torch import _random
from trimtab.integrations.torch._batches import Form
from trimtab.integrations.torch._simplify import simplified

__all__ = ["Traced", "recorded"]

WORTH = 10  # calls; fewer are done sooner than writing down and comparing, which cost some calls

_DEPENDS_ON_VALUES = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class Traced:
    """function(form, *tensors) -> tensors or lists of them. calls: how many there will be; None: nobody knows."""

    def __init__(self, function: Callable[..., Any], calls: int | None) -> None:
        self._function = function
        self._wait = 2 if calls is not None and calls >= WORTH else WORTH
        self._seen: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, Callable[..., Any] | None] = {}  # None: the function itself is run
        self._new: dict[Hashable, Callable[..., Any]] = {}  # not yet compared with the function

    def __call__(self, form: Form, *tensors: torch.Tensor) -> Any:
        key = (form.key, tuple((tuple(t.shape), t.dtype) for t in tensors))
        graph = self._graphs.get(key)
        if graph is not None:
            return graph(*tensors)
        if form.key is None or key in self._graphs:
            return self._function(form, *tensors)
        if key in self._new:
            return self._compared(key, form, tensors)
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        if seen == (
            self._wait if next(iter(self._seen)) == key else WORTH
        ):  # a rare form, such as an epoch's last batch, waits
            return self._traced(key, form, tensors)
        return self._function(form, *tensors)

    def _traced(self, key: Hashable, form: Form, tensors: Sequence[torch.Tensor]) -> Any:
        """The function's result. What it did is written down on the way."""
        before = _random.state()
        try:
            result, self._new[key] = recorded(partial(self._function, form), tensors)
        except Exception:  # of any kind: whatever is wrong with the function itself, the function says when it is run
            self._graphs[key] = None
            _random.restore(before)
            return self._function(form, *tensors)
        return result

    def _compared(self, key: Hashable, form: Form, tensors: Sequence[torch.Tensor]) -> Any:
        """The function's result. The list of operations is kept if it gives the same."""
        before = _random.state()
        result = self._function(form, *tensors)
        after = _random.state()
        _random.restore(before)
        graph = self._new.pop(key)
        same = _agree(result, graph(*tensors)) and all(map(torch.equal, after, _random.state()))
        _random.restore(after)
        self._graphs[key] = graph if same else None
        return result


def recorded(function: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> tuple[Any, Callable[..., Any]]:
    """The function's result, and a function that does the same operations with other tensors. ValueError if that cannot be."""
    inputs = [tensor.detach() for tensor in tensors]  # each an object of its own, also where one tensor comes twice
    recorder = _Recorder(inputs)
    with recorder:
        result = functionalize(function)(*inputs)
    leaves, spec = _pytree.tree_flatten(result)
    recorder.graph.output(tuple(recorder.node(leaf) for leaf in leaves))
    module = simplified(fx.GraphModule(recorder.root, recorder.graph))
    return result, lambda *tensors: _pytree.tree_unflatten(module.forward(*tensors), spec)


_Mode: Any = TorchDispatchMode  # torch gives it no types


class _Recorder(_Mode):
    """Writes down each operation that reaches the kernels."""

    def __init__(self, inputs: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.graph, self.root = fx.Graph(), torch.nn.Module()
        self._nodes: dict[int, fx.Node] = {}
        self._alive: list[torch.Tensor] = []  # so that no other tensor takes the place of one that is known
        for k, tensor in enumerate(inputs):
            self._know(tensor, self.graph.placeholder(f"input_{k}"))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._schema.is_mutable or _DEPENDS_ON_VALUES.intersection(func.tags):
            raise ValueError(f"{func} changes a tensor in place, or depends on values that may be others next time.")
        result = func(*args, **kwargs)
        if not isinstance(result, torch.Tensor | tuple | list):
            return result  # a fact about shapes, the same next time
        known_args, known_kwargs = _pytree.tree_map(self._known, (list(args), kwargs))
        node = self.graph.call_function(func, tuple(known_args), known_kwargs)
        if isinstance(result, torch.Tensor):
            self._know(result, node)
        else:
            for k, part in enumerate(result):
                if isinstance(part, torch.Tensor):
                    self._know(part, self.graph.call_function(operator.getitem, (node, k)))
        return result

    def node(self, tensor: torch.Tensor) -> fx.Node:
        """The node of a tensor; one that comes from outside is held as it is."""
        if id(tensor) not in self._nodes:
            name = f"outside_{len(self._alive)}"
            self.root.register_buffer(name, tensor, persistent=False)
            self._know(tensor, self.graph.get_attr(name))
        return self._nodes[id(tensor)]

    def _know(self, tensor: torch.Tensor, node: fx.Node) -> None:
        node.meta["val"] = tensor
        self._nodes[id(tensor)] = node
        self._alive.append(tensor)

    def _known(self, part: Any) -> Any:
        return self.node(part) if isinstance(part, torch.Tensor) else part


def _agree(a: Any, b: Any) -> bool:
    """Whether two results are the same up to rounding."""
    for one, other in zip(_pytree.tree_leaves(a), _pytree.tree_leaves(b), strict=True):
        if not one.is_floating_point():
            if not torch.equal(one, other):
                return False
            continue
        slack = 1e-4 if one.dtype == torch.float64 else 1e-2  # rounding may be amplified; another operation is far off
        if not torch.allclose(
            one, other, rtol=slack, atol=slack * float(one.abs().max()) if one.numel() else 0.0, equal_nan=True
        ):
            return False
    return True
