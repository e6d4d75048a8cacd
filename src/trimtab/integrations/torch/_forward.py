"""Forward mode: the tangents of the weights are carried through the training, beside the weights.

Notation
    w_t, z_t    weights after step t (P,), and their tangents d w_t / d hyperparameters (p, P)
    Phi_t       one step of the optimiser, slots and running statistics included
    V           validation loss

z_{t+1} = (d Phi_t / d w) z_t + d Phi_t / d h, and at the end d V / d h = z_T . d V / d w. Exact after any number of steps; the memory is
that of p copies of the weights and the optimiser's slots, whatever the number of steps. Choose it for up to some ten hyperparameters.

Source: Franceschi et al. 2017 (arXiv:1703.01785), algorithm 2.
"""

from __future__ import annotations

import numpy as np
import torch

from trimtab.integrations.torch._graph import Traced
from trimtab.integrations.torch._run import Run
from trimtab.numerics import FloatArray
from trimtab.sensitivity import Trained

__all__ = ["forward"]

RECORDS = 256  # norms of the tangents at most; of every second step once there are as many, and so on


def forward(run: Run) -> Trained:
    """Value, gradients and the norms of the tangents."""
    network, optimizer, p = run.network, run.optimizer, len(run.wrt)
    w = network.start
    slots = optimizer.init(w)
    dw = w.new_zeros(p, len(w))
    dslots = [slot.new_zeros(p, len(w)) for slot in slots]
    dh = run.dh
    moving: list[torch.Tensor] = []
    dmoving: list[torch.Tensor] = []
    counting: list[torch.Tensor] = []
    columns = Traced(run.columns, run.steps)
    norms, every = [], 1
    for t, (tensors, form) in enumerate(run.parts(), 1):
        if t == 1:
            moving, counting = network.find_moving(run.vector, tensors, form)
            dmoving = [b.new_zeros(p, *b.shape) for b in moving]
        g, moving, counting, dg, dmoving = columns(form, w, *moving, *counting, run.vector, dw, *dmoving, dh, *tensors)
        settings, slopes = run.at(t - 1)
        w, slots = optimizer.tangent(w, slots, g, settings, t, dw, dslots, dg, slopes)
        if t % every == 0:
            norms.append(torch.linalg.vector_norm(dw, dim=1))
            if len(norms) == RECORDS:
                norms, every = norms[1::2], 2 * every
    value, dv, dv_moving = network.validate(run.validation, w, moving, counting)
    gradient = dw.double() @ dv.double()
    for db, part in zip(dmoving, dv_moving, strict=True):
        gradient += db.reshape(p, -1).double() @ part.reshape(-1).double()
    grown: FloatArray = torch.stack(norms).double().cpu().numpy()
    return Trained(
        value,
        dict(zip(run.wrt, gradient.tolist(), strict=True)),
        {name: np.array(grown[:, j]) for j, name in enumerate(run.wrt)},
    )
