"""Fewer operations with the same results, for a list of operations that `_graph` wrote down.

What goes: structural zeros (the tangent of the data) and what they are multiplied with, factors of 1, copies that change nothing,
repetitions, and what depends on no input (computed once).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from torch import fx

__all__ = ["simplified"]

aten = torch.ops.aten
_COPIES = {aten.detach.default, aten.alias.default, aten.lift_fresh_copy.default}
_SAME_IF_ALIKE = {
    aten.expand.default, aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten._to_copy.default,
}  # fmt: skip
_KEEP_ZERO = _SAME_IF_ALIKE | {
    aten.t.default, aten.transpose.int, aten.permute.default, aten.unsqueeze.default, aten.squeeze.dim, aten.slice.Tensor,
    aten.select.int, aten.clone.default, aten.neg.default, aten.mul.Scalar, aten.sum.dim_IntList, aten.sum.default,
}  # fmt: skip
_ZEROS = {aten.zeros.default, aten.zeros_like.default, aten._efficientzerotensor.default, aten.new_zeros.default}
_ONES = {aten.ones.default, aten.ones_like.default}
_PRODUCTS = {aten.mul.Tensor, aten.mm.default, aten.bmm.default}
_SHORTER = {  # ways into the same kernels that take half the time
    aten.add.Tensor: torch.add, aten.sub.Tensor: torch.sub, aten.mul.Tensor: torch.mul, aten.mul.Scalar: torch.mul,
    aten.div.Tensor: torch.div, aten.mm.default: torch.mm, aten.bmm.default: torch.bmm, aten.addmm.default: torch.addmm,
    aten.t.default: torch.t, aten.transpose.int: torch.transpose, aten.view.default: torch.Tensor.view,
    aten.expand.default: torch.Tensor.expand, aten.cat.default: torch.cat, aten.sum.dim_IntList: torch.sum,
    aten.tanh.default: torch.tanh, aten.exp.default: torch.exp,
}  # fmt: skip


def simplified(module: fx.GraphModule) -> fx.GraphModule:
    """The same results from fewer operations. node.meta["val"] is the tensor that the node was; none is changed in place."""
    graph = module.graph
    zeros: set[fx.Node] = set()
    ones: set[fx.Node] = set()
    known: dict[Hashable, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr":
            key: Hashable = node.target
        elif node.op == "call_function":
            same = _same_as(node, zeros, ones)
            if same is not None:
                _replace(node, same)
                continue
            key = (node.target, repr(node.args), repr(node.kwargs))
        else:
            continue
        if _draws(node):
            continue
        if key in known:
            _replace(node, known[key])
        else:
            known[key] = node
    _drop_unused(graph)
    for node in list(graph.nodes):
        value = node.meta.get("val")
        if node.op != "call_function" or not isinstance(value, torch.Tensor) or _draws(node):
            continue
        if node in zeros:
            _hold(module, node, torch.zeros(value.shape, dtype=value.dtype, device=value.device))
        elif not node.all_input_nodes:
            _hold(module, node, value)
    _drop_unused(graph)
    for node in graph.nodes:
        node.meta.clear()  # frees the tensors
        if node.op == "call_function" and node.target in _SHORTER:
            node.target = _SHORTER[node.target]
    module.recompile()
    return module


def _same_as(node: fx.Node, zeros: set[fx.Node], ones: set[fx.Node]) -> Any:
    """The node whose value this one has too, if there is one. Notes which nodes are all 0 or all 1."""
    target = node.target
    a: Any = node.args
    if target in _COPIES or (target in _SAME_IF_ALIKE and _alike(node, a[0])):
        return a[0]
    if target is aten.t.default and a[0].target is target:
        return a[0].args[0]
    if target is aten.transpose.int and a[0].target is target and a[0].args[1:] == a[1:]:
        return a[0].args[0]
    zero = [isinstance(x, fx.Node) and x in zeros for x in a[:2]]
    one = [isinstance(x, fx.Node) and x in ones for x in a[:2]]
    if target in _ZEROS or (target in _KEEP_ZERO and zero[0]) or (target in _PRODUCTS and any(zero)):
        zeros.add(node)
    elif target in _ONES or (target in _SAME_IF_ALIKE and one[0]):
        ones.add(node)
    elif target is aten.add.Tensor and zero[0] and not node.kwargs and _alike(node, a[1]):
        return a[1]
    elif target in (aten.add.Tensor, aten.sub.Tensor) and (zero[1] or _is_number_zero(a[1])) and _alike(node, a[0]):
        return a[0]
    elif target is aten.mul.Tensor and one[0] and _alike(node, a[1]):
        return a[1]
    elif target is aten.mul.Tensor and one[1] and _alike(node, a[0]):
        return a[0]
    return None


def _alike(a: fx.Node, b: Any) -> bool:
    """Whether both are tensors of one shape, type and device."""
    one, other = a.meta.get("val"), b.meta.get("val") if isinstance(b, fx.Node) else None
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        return False
    return bool(one.shape == other.shape and one.dtype == other.dtype and one.device == other.device)


def _is_number_zero(x: Any) -> bool:
    return isinstance(x, int | float) and x == 0


def _draws(node: fx.Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _replace(node: fx.Node, by: fx.Node) -> None:
    node.replace_all_uses_with(by)
    node.graph.erase_node(node)


def _drop_unused(graph: fx.Graph) -> None:
    """Also what would draw random numbers must stay: the next draws follow from it."""
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op in ("call_function", "get_attr") and not _draws(node):
            graph.erase_node(node)


def _hold(module: fx.GraphModule, node: fx.Node, value: torch.Tensor) -> None:
    """Have the node's value ready instead of computing it."""
    name = f"_held_{node.name}"
    module.register_buffer(name, value, persistent=False)
    with node.graph.inserting_before(node):
        held = node.graph.get_attr(name)
    held.meta = node.meta
    _replace(node, held)
