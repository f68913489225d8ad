#!/usr/bin/env python3
"""Makes tests/data/golden/optimizers.golden: where PyTorch's optimizers take a parameter in ten steps, in double precision (the
file here: torch 2.15.0).

Run by hand, where numpy and torch are installed; the tests read only the file:
    python3 tests/golden/make_optimizers.py
The format is that of make.py: a case has the parameter x, the gradients g0 to g9, and the parameter y after the steps.
"""
import pathlib

import numpy
import torch

STEPS = 10
CASES = {
    "sgd": (torch.optim.SGD, dict(lr=0.1)),
    "sgd_decay": (torch.optim.SGD, dict(lr=0.1, weight_decay=0.3)),
    "sgd_momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    "sgd_dampening": (torch.optim.SGD, dict(lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.1)),
    "sgd_nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    "adam": (torch.optim.Adam, dict(lr=0.1)),
    "adam_options": (torch.optim.Adam, dict(lr=0.1, betas=(0.5, 0.6), eps=0.1, weight_decay=0.2)),
    "adam_amsgrad": (torch.optim.Adam, dict(lr=0.1, betas=(0.9, 0.5), amsgrad=True)),
    "adamw": (torch.optim.AdamW, dict(lr=0.1)),
    "adamw_options": (torch.optim.AdamW, dict(lr=0.1, betas=(0.5, 0.6), eps=1e-3, weight_decay=0.5, amsgrad=True)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=0.1)),
    "rmsprop_momentum": (torch.optim.RMSprop, dict(lr=0.1, alpha=0.8, momentum=0.6, weight_decay=0.1)),
    "rmsprop_centered": (torch.optim.RMSprop, dict(lr=0.1, alpha=0.8, eps=0.01, momentum=0.5, centered=True)),
}
random = numpy.random.default_rng(20240301)
lines = []


def normal():
    return torch.tensor(numpy.round(random.standard_normal((3, 4)), 3), dtype=torch.float64)


def write(case, name, tensor):
    shape = "x".join(map(str, tensor.shape))
    lines.append(" ".join([case, name, "f64", shape, *(repr(v) for v in tensor.flatten().tolist())]))


for case, (optimizer, options) in CASES.items():
    x = normal().requires_grad_()
    write(case, "x", x.detach())
    steps = optimizer([x], **options)
    for t in range(STEPS):
        # One step without a gradient: it must not count.
        x.grad = None
        if t == 4:
            steps.step()
        x.grad = normal()
        write(case, f"g{t}", x.grad)
        steps.step()
    write(case, "y", x.detach())

folder = pathlib.Path(__file__).resolve().parent.parent / "data" / "golden"
(folder / "optimizers.golden").write_text("\n".join(lines) + "\n")
