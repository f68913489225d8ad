#!/usr/bin/env python3
"""Makes tests/data/golden/schedules.golden: the learning rates of PyTorch's schedulers, step by step (the file here: torch
2.15.0). Warm-up is a LinearLR before them.

Run by hand, where numpy and torch are installed; the tests read only the file:
    python3 tests/golden/make_schedules.py
The format is that of make.py: a case has the steps and the learning rates y; a plateau case the values that it observes and the
learning rates y after each.
"""
import pathlib

import numpy
import torch
from torch.optim import lr_scheduler

RATE = 2.0
WARMUP = 4
random = numpy.random.default_rng(20240309)
lines = []


def write(case, name, values):
    lines.append(" ".join([case, name, "f64", str(len(values)), *(repr(float(v)) for v in values)]))


def optimizer_at(rate):
    return torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=rate)


def rates(make, count, warmup=0):
    """The learning rates of the steps 0 to count - 1; make(optimizer) gives the scheduler."""
    optimizer = optimizer_at(RATE)
    if warmup > 0:
        rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, end_factor=1, total_iters=warmup - 1)
        scheduler = lr_scheduler.SequentialLR(optimizer, [rise, make(optimizer)], milestones=[warmup])
    else:
        scheduler = make(optimizer)
    found = []
    for step in range(count):
        if step > 0:
            optimizer.step()
            scheduler.step()
        found.append(optimizer.param_groups[0]["lr"])
    return found


def case(name, make, count, warmup=0):
    write(name, "steps", range(count))
    write(name, "y", rates(make, count, warmup))


# PyTorch counts from the end of the warm-up: total_steps and milestones lose it.
case("constant", lambda o: lr_scheduler.ConstantLR(o, factor=1), 12, WARMUP)
case("step", lambda o: lr_scheduler.StepLR(o, 3, gamma=0.7), 20)
case("step_warmup", lambda o: lr_scheduler.StepLR(o, 3, gamma=0.7), 20, WARMUP)
case("multi_step", lambda o: lr_scheduler.MultiStepLR(o, [2, 5, 5, 11], gamma=0.7), 20)
case("multi_step_warmup", lambda o: lr_scheduler.MultiStepLR(o, [6 - WARMUP, 11 - WARMUP], gamma=0.7), 20, WARMUP)
case("exponential", lambda o: lr_scheduler.ExponentialLR(o, 0.8), 20)
case("exponential_warmup", lambda o: lr_scheduler.ExponentialLR(o, 0.8), 20, WARMUP)
case("polynomial", lambda o: lr_scheduler.PolynomialLR(o, total_iters=15), 20)
case("polynomial_warmup", lambda o: lr_scheduler.PolynomialLR(o, total_iters=15 - WARMUP, power=2.5), 20, WARMUP)
case("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=15, eta_min=0.25), 16)
case("cosine_warmup", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=15 - WARMUP, eta_min=0.25), 16, WARMUP)
case("restarts", lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5, eta_min=0.25), 32)
case("restarts_longer", lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, T_mult=2), 64)
case("restarts_warmup", lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, T_mult=3, eta_min=0.25), 64, WARMUP)
case("one_cycle", lambda o: lr_scheduler.OneCycleLR(o, RATE, total_steps=50, cycle_momentum=False), 50)
case("one_cycle_options", lambda o: lr_scheduler.OneCycleLR(o, RATE, total_steps=33, pct_start=0.45, div_factor=5,
                                                            final_div_factor=20, cycle_momentum=False), 33)
case("one_cycle_no_rise", lambda o: lr_scheduler.OneCycleLR(o, RATE, total_steps=10, pct_start=0.0, cycle_momentum=False), 10)
case("one_cycle_no_fall", lambda o: lr_scheduler.OneCycleLR(o, RATE, total_steps=10, pct_start=1.0, cycle_momentum=False), 10)
case("lambda", lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step) ** 0.5), 20)
case("lambda_warmup", lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step) ** 0.5), 20, WARMUP)


def plateau(name, values, **options):
    optimizer = optimizer_at(RATE)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, eps=0, **options)
    found = []
    for value in values:
        scheduler.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    write(name, "values", values)
    write(name, "y", found)


falling = numpy.round(1 + 3 / (1 + numpy.arange(60)) + 0.2 * random.standard_normal(60), 3)
plateau("plateau", falling)
plateau("plateau_minimum", falling, factor=0.5, patience=2, cooldown=3, min_lr=0.1)
plateau("plateau_relative", falling, factor=0.5, patience=1, threshold=0.2505, cooldown=1)
plateau("plateau_absolute", falling, factor=0.7, patience=2, threshold=0.1005, threshold_mode="abs")
plateau("plateau_maximum", 5 - falling, mode="max", factor=0.6, patience=3, cooldown=2)
plateau("plateau_maximum_absolute", 5 - falling, mode="max", factor=0.6, patience=0, threshold=0.0505, threshold_mode="abs", min_lr=0.01)

folder = pathlib.Path(__file__).resolve().parent.parent / "data" / "golden"
(folder / "schedules.golden").write_text("\n".join(lines) + "\n")
