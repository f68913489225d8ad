#!/usr/bin/env python3
"""Makes tests/data/golden/optimizers.golden: where PyTorch's optimizers take a parameter in ten steps, in double precision (the
file here: torch 2.15.0). PyTorch has no Lion: it is written down here from its paper.

Run by hand, where numpy and torch are installed; the tests read only the file:
    python3 tests/golden/make_optimizers.py
The format is that of make.py: a case has the parameter x, the gradients g0 to g9, and the parameter y after the steps.
"""
import pathlib

import numpy
import torch

torch.set_default_dtype(torch.float64)  # NAdam's product of momenta is a scalar of the default dtype
STEPS = 10


class Lion:
    """Algorithm 2 of Chen et al. 2023, "Symbolic discovery of optimization algorithms", in NumPy, with the paper's names."""

    def __init__(self, parameters, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        self.parameters, self.eta, self.betas, self.decay = parameters, lr, betas, weight_decay
        self.momentum = [numpy.zeros(tuple(p.shape)) for p in parameters]

    def step(self):
        beta1, beta2 = self.betas
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            theta, g, m = parameter.detach().numpy(), parameter.grad.numpy(), self.momentum[i]
            c = beta1 * m + (1 - beta1) * g
            theta[...] = theta - self.eta * (numpy.sign(c) + self.decay * theta)
            self.momentum[i] = beta2 * m + (1 - beta2) * g


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
    "adagrad": (torch.optim.Adagrad, dict()),
    "adagrad_options": (torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.2, weight_decay=0.3, initial_accumulator_value=0.4, eps=0.01)),
    "nadam": (torch.optim.NAdam, dict()),
    "nadam_options": (torch.optim.NAdam, dict(lr=0.1, betas=(0.5, 0.6), eps=0.1, weight_decay=0.2, momentum_decay=0.3)),
    "nadam_decoupled": (torch.optim.NAdam, dict(lr=0.1, weight_decay=0.5, decoupled_weight_decay=True)),
    "lion": (Lion, dict()),
    "lion_options": (Lion, dict(lr=0.1, betas=(0.6, 0.8), weight_decay=0.3)),
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
