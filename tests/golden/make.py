#!/usr/bin/env python3
"""Makes the golden files of tests/data/golden: what PyTorch computes, forward and gradients, in double precision (the files here: torch 2.15.0).

Run by hand, where numpy and torch are installed; the tests read only the files:
    python3 tests/golden/make.py
A line of a file is one tensor: the case, the tensor's name, dtype, shape ("-" for rank 0) and the values, row-major.
A case has its inputs, the result y, the gradient dy that is fed back, and d_<input> for each floating input.
"""
import math
import pathlib

import numpy
import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "golden"
DTYPES = {torch.float64: "f64", torch.int64: "i64", torch.bool: "boolean"}
random = numpy.random.default_rng(20240229)


def normal(*shape):
    """Normal numbers with three decimals, so that the files stay short."""
    return torch.tensor(numpy.round(random.standard_normal(shape), 3), dtype=torch.float64)


def uniform(low, high, *shape):
    return torch.tensor(numpy.round(random.uniform(low, high, shape), 3), dtype=torch.float64)


def values(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def integers(low, high, *shape):
    return torch.tensor(random.integers(low, high, shape), dtype=torch.int64)


def mask(*shape):
    return torch.tensor(random.integers(0, 2, shape), dtype=torch.bool)


class Family:
    """One golden file."""

    def __init__(self, name):
        self.name, self.lines, self.names = name, [], set()

    def write(self, case, name, tensor):
        tensor = tensor.detach()
        shape = "x".join(map(str, tensor.shape)) or "-"
        numbers = [repr(v).removesuffix(".0") if isinstance(v, float) else str(int(v)) for v in tensor.flatten().tolist()]
        self.lines.append(" ".join([case, name, DTYPES[tensor.dtype], shape, *numbers]))

    def case(self, case, function, constants=(), **inputs):
        """function(**inputs) and its gradients; `constants` names floating inputs that have none."""
        assert case not in self.names, case
        self.names.add(case)
        inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        leaves = {n: t.requires_grad_() for n, t in inputs.items() if t.is_floating_point() and n not in constants}
        y = function(**inputs)
        for name, tensor in inputs.items():
            self.write(case, name, tensor)
        self.write(case, "y", y)
        if not y.requires_grad:
            return
        dy = normal(*y.shape)
        self.write(case, "dy", dy)
        gradients = torch.autograd.grad(y, list(leaves.values()), dy)
        for name, gradient in zip(leaves, gradients):
            self.write(case, "d_" + name, gradient)

    def save(self):
        (FOLDER / (self.name + ".golden")).write_text("\n".join(self.lines) + "\n")


def elementwise():
    f = Family("elementwise")
    operations = {"add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.div,
                  "maximum": torch.maximum, "minimum": torch.minimum}
    for name, operation in operations.items():
        shapes = {"same": ((2, 3), (2, 3)), "row": ((2, 3, 4), (4,)), "both": ((3, 1, 2), (4, 1)), "scalar": ((2, 3), ())}
        for kind, (a, b) in shapes.items():
            f.case(f"{name}_{kind}", lambda a, b: operation(a, b), a=normal(*a), b=normal(*b))
    f.case("maximum_tie", lambda a, b: torch.maximum(a, b), a=values(1, 2, 3), b=values(1, 2, 4))
    f.case("minimum_tie", lambda a, b: torch.minimum(a, b), a=values(1, 2, 3), b=values(1, 2, 4))
    f.case("power", lambda a, b: torch.pow(a, b), a=uniform(0.2, 3, 2, 3), b=normal(3))
    f.case("power_scalar", lambda a: torch.pow(a, 3.0), a=values(-1.5, 0, 2))
    f.case("power_square", lambda a: torch.pow(a, 2.0), a=values(-1.5, 0, 2))
    f.case("power_zero", lambda a: torch.pow(a, 0.0), a=values(-1.5, 0, 2))
    f.case("where", lambda c, a, b: torch.where(c, a, b), c=mask(2, 3), a=normal(2, 3), b=normal(3))

    anywhere = torch.cat([values(-4, -1, -0.5, 0.25, 1, 4), normal(4)])
    with_zero = torch.cat([values(0), anywhere])
    positive = uniform(0.1, 4, 6)
    unary = {
        "negate": (torch.neg, with_zero), "abs": (torch.abs, with_zero), "sign": (torch.sign, with_zero),
        "floor": (torch.floor, anywhere), "round": (torch.round, values(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3, -1.7)),
        "exp": (torch.exp, with_zero), "log": (torch.log, positive), "log1p": (torch.log1p, positive),
        "expm1": (torch.expm1, with_zero), "sqrt": (torch.sqrt, positive), "rsqrt": (torch.rsqrt, positive),
        "square": (torch.square, with_zero), "sin": (torch.sin, with_zero), "cos": (torch.cos, with_zero),
        "erf": (torch.erf, with_zero), "tanh": (torch.tanh, with_zero), "sigmoid": (torch.sigmoid, with_zero),
        "relu": (torch.relu, with_zero), "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), with_zero),
        "elu": (lambda x: F.elu(x, 1.5), with_zero), "gelu": (F.gelu, with_zero), "silu": (F.silu, with_zero),
        "softplus": (F.softplus, with_zero), "clamp": (lambda x: torch.clamp(x, -0.9, 0.6), with_zero),
        "clamp_low": (lambda x: torch.clamp(x, min=-0.9), with_zero),
    }
    for name, (operation, x) in unary.items():
        f.case(name, lambda x: operation(x), x=x)
    f.save()


def clamp_bounds():
    """The gradient where x is a bound: a convention, apart from the rest."""
    f = Family("clamp_bounds")
    f.case("both", lambda x: torch.clamp(x, -1, 0.5), x=values(-2, -1, 0, 0.5, 1))
    f.case("low", lambda x: torch.clamp(x, min=-1), x=values(-2, -1, 0))
    f.case("high", lambda x: torch.clamp(x, max=0.5), x=values(0, 0.5, 1))
    f.save()


def linear():
    f = Family("linear")
    shapes = {"vector_vector": ((3,), (3,)), "matrix_vector": ((2, 3), (3,)), "vector_matrix": ((3,), (3, 2)),
              "matrix_matrix": ((2, 3), (3, 4)), "batch_batch": ((4, 2, 3), (4, 3, 2)), "broadcast": ((2, 1, 2, 3), (4, 3, 2)),
              "matrix_batch": ((2, 3), (4, 3, 2)), "vector_batch": ((3,), (2, 3, 4)), "batch_vector": ((2, 4, 3), (3,))}
    for name, (a, b) in shapes.items():
        f.case("matmul_" + name, lambda a, b: torch.matmul(a, b), a=normal(*a), b=normal(*b))
    f.case("linear", lambda x, w, b: F.linear(x, w, b), x=normal(5, 3), w=normal(4, 3), b=normal(4))
    f.case("linear_no_bias", lambda x, w: F.linear(x, w), x=normal(5, 3), w=normal(4, 3))
    f.case("linear_3d", lambda x, w, b: F.linear(x, w, b), x=normal(2, 5, 3), w=normal(4, 3), b=normal(4))
    f.case("linear_vector", lambda x, w, b: F.linear(x, w, b), x=normal(3), w=normal(4, 3), b=normal(4))
    for name, activation in {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "gelu": F.gelu,
                             "silu": F.silu, "elu": F.elu, "leaky_relu": F.leaky_relu}.items():
        f.case("linear_" + name, lambda x, w, b: activation(F.linear(x, w, b)), x=normal(5, 3), w=normal(4, 3), b=normal(4))
    f.save()


def convolution():
    f = Family("convolution")
    cases = {  # x, w, bias, options
        "plain": ((2, 3, 6, 5), (4, 3, 3, 3), True, {}),
        "no_bias": ((2, 3, 6, 5), (4, 3, 3, 3), False, {}),
        "one_by_one": ((2, 3, 4, 4), (5, 3, 1, 1), True, {}),
        "stride": ((2, 2, 7, 8), (3, 2, 3, 2), True, {"stride": (2, 3)}),
        "padding": ((2, 2, 5, 4), (3, 2, 3, 3), True, {"padding": (1, 2)}),
        "dilation": ((1, 2, 7, 8), (3, 2, 3, 2), True, {"dilation": (2, 3)}),
        "groups": ((2, 4, 5, 5), (6, 2, 3, 3), True, {"groups": 2}),
        "depthwise": ((2, 3, 5, 5), (3, 1, 3, 3), True, {"groups": 3, "padding": 1}),
        "all": ((2, 4, 9, 8), (4, 2, 3, 2), True, {"stride": (2, 1), "padding": (2, 1), "dilation": (2, 2), "groups": 2}),
        "same_odd": ((2, 2, 5, 6), (3, 2, 3, 5), True, {"padding": "same"}),
        "same_even": ((2, 2, 5, 6), (3, 2, 2, 4), True, {"padding": "same"}),
        "same_dilation": ((1, 2, 6, 7), (3, 2, 3, 2), True, {"padding": "same", "dilation": 2}),
        "batch_16": ((16, 1, 6, 6), (2, 1, 5, 5), True, {}),
    }
    for name, (x, w, bias, options) in cases.items():
        inputs = {"x": normal(*x), "w": normal(*w)} | ({"b": normal(w[0])} if bias else {})
        f.case("conv2d_" + name, lambda x, w, b=None: F.conv2d(x, w, b, **options), **inputs)
    f.case("conv2d_tanh", lambda x, w, b: torch.tanh(F.conv2d(x, w, b)), x=normal(2, 2, 5, 4), w=normal(3, 2, 3, 3), b=normal(3))
    f.case("conv2d_gelu", lambda x, w, b: F.gelu(F.conv2d(x, w, b)), x=normal(2, 2, 5, 4), w=normal(3, 2, 3, 3), b=normal(3))

    transposed = {
        "plain": ((2, 3, 4, 3), (3, 2, 3, 2), {}),
        "stride": ((2, 2, 3, 4), (2, 3, 3, 3), {"stride": (2, 3), "padding": (1, 0)}),
        "output_padding": ((1, 2, 3, 4), (2, 3, 3, 3), {"stride": (2, 3), "padding": 1, "output_padding": (1, 2)}),
        "groups": ((2, 4, 3, 3), (4, 3, 2, 2), {"groups": 2, "stride": 2}),
        "dilation": ((1, 2, 4, 3), (2, 2, 3, 2), {"dilation": (2, 3), "padding": (1, 0)}),
    }
    for name, (x, w, options) in transposed.items():
        f.case("conv_transpose2d_" + name, lambda x, w, b: F.conv_transpose2d(x, w, b, **options),
               x=normal(*x), w=normal(*w), b=normal(w[1] * options.get("groups", 1)))
    f.save()


def pooling():
    f = Family("pooling")
    cases = {
        "two": ((2, 2, 4, 6), 2, {}),
        "odd": ((2, 2, 5, 7), 2, {}),
        "overlapping": ((2, 2, 7, 6), (3, 2), {"stride": (2, 1)}),
        "padding": ((2, 2, 6, 5), (3, 2), {"stride": 2, "padding": 1}),
        "ceil": ((2, 2, 6, 8), 3, {"stride": 2, "ceil_mode": True}),
        "ceil_padding": ((1, 2, 7, 8), (3, 4), {"stride": (2, 3), "padding": (1, 2), "ceil_mode": True}),
    }
    for name, (shape, kernel, options) in cases.items():
        x = normal(*shape)
        f.case("max_pool2d_" + name, lambda x: F.max_pool2d(x, kernel, **options), x=x)
        f.case("avg_pool2d_" + name, lambda x: F.avg_pool2d(x, kernel, **options), x=x)
        f.case("avg_pool2d_no_pad_" + name, lambda x: F.avg_pool2d(x, kernel, count_include_pad=False, **options), x=x)
    f.case("max_pool2d_ties", lambda x: F.max_pool2d(x, 2, stride=1), x=integers(0, 2, 2, 2, 4, 4).double())
    f.save()


def norm():
    f = Family("norm")
    for name, shape in {"2d": (6, 3), "4d": (3, 2, 4, 3), "3d": (2, 3, 5)}.items():
        c = shape[1]
        f.case(f"batch_norm_{name}", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=1e-3),
               x=normal(*shape), w=normal(c), b=normal(c))
        f.case(f"batch_norm_plain_{name}", lambda x: F.batch_norm(x, None, None, training=True), x=normal(*shape))
        f.case(f"batch_norm_inference_{name}", lambda x, m, v, w, b: F.batch_norm(x, m, v, w, b, training=False, eps=1e-3),
               constants=("m", "v"), x=normal(*shape), m=normal(c), v=uniform(0.2, 2, c), w=normal(c), b=normal(c))
    f.case("layer_norm_one", lambda x, w, b: F.layer_norm(x, (5,), w, b), x=normal(3, 2, 5), w=normal(5), b=normal(5))
    f.case("layer_norm_two", lambda x, w, b: F.layer_norm(x, (2, 5), w, b, eps=1e-2), x=normal(3, 2, 5), w=normal(2, 5), b=normal(2, 5))
    f.case("layer_norm_plain", lambda x: F.layer_norm(x, (4,)), x=normal(3, 4))
    f.save()


def softmax():
    f = Family("softmax")
    for axis in (0, 1, 2, -1):
        f.case(f"softmax_{axis}", lambda x: torch.softmax(x, axis), x=normal(3, 4, 2))
        f.case(f"log_softmax_{axis}", lambda x: torch.log_softmax(x, axis), x=normal(3, 4, 2))
        f.case(f"logsumexp_{axis}", lambda x: torch.logsumexp(x, axis), x=normal(3, 4, 2))
    f.case("logsumexp_two", lambda x: torch.logsumexp(x, (0, 2), keepdim=True), x=normal(3, 4, 2))
    f.case("softmax_large", lambda x: torch.softmax(x, 1), x=values(1000, 999, -1000, 0).reshape(2, 2))
    f.case("log_softmax_large", lambda x: torch.log_softmax(x, 1), x=values(1000, 999, -1000, 0).reshape(2, 2))
    f.case("softmax_masked", lambda x: torch.softmax(x, 1), x=values(1, -math.inf, 0.5, 2, 3, -math.inf).reshape(2, 3))
    f.save()


def loss():
    f = Family("loss")
    for reduction in ("none", "mean", "sum"):
        for smoothing in (0.0, 0.1):
            for weighted in ("", "_weight"):
                weight = {"weight": uniform(0.5, 2, 4)} if weighted else {}
                name = f"{reduction}_{'smooth' if smoothing else 'sharp'}{weighted}"
                options = {"reduction": reduction, "label_smoothing": smoothing}
                for dimensions, shape in {"2d": (5, 4), "4d": (2, 4, 2, 3)}.items():
                    labels = integers(0, 4, shape[0], *shape[2:])
                    for ignored in (-100, 2):
                        f.case(f"cross_entropy_{name}_{dimensions}_{'ignore' if ignored >= 0 else 'all'}",
                               lambda x, t, weight=None: F.cross_entropy(x, t, weight, ignore_index=ignored, **options),
                               constants=("weight",), x=normal(*shape), t=labels, **weight)
                    f.case(f"cross_entropy_{name}_{dimensions}_probabilities",
                           lambda x, t, weight=None: F.cross_entropy(x, t, weight, **options),
                           constants=("weight",), x=normal(*shape), t=torch.softmax(normal(*shape), 1), **weight)
        for weighted in ("", "_weight"):
            weight = {"weight": uniform(0.5, 2, 4)} if weighted else {}
            for ignored in (-100, 2):
                f.case(f"nll_{reduction}{weighted}_{'ignore' if ignored >= 0 else 'all'}",
                       lambda x, t, weight=None: F.nll_loss(x, t, weight, ignore_index=ignored, reduction=reduction),
                       constants=("weight",), x=normal(3, 4, 2), t=integers(0, 4, 3, 2), **weight)
        f.case(f"mse_{reduction}", lambda x, t: F.mse_loss(x, t, reduction=reduction), x=normal(3, 4), t=normal(3, 4))
        f.case(f"l1_{reduction}", lambda x, t: F.l1_loss(x, t, reduction=reduction), x=normal(3, 4), t=normal(3, 4))
        for weighted in (False, True):
            for positive in (False, True):
                weights = ({"weight": uniform(0.5, 2, 3, 1)} if weighted else {}) | (
                    {"pos_weight": uniform(0.5, 2, 4)} if positive else {})
                f.case(f"bce_{reduction}{'_weight' if weighted else ''}{'_pos_weight' if positive else ''}",
                       lambda x, t, weight=None, pos_weight=None: F.binary_cross_entropy_with_logits(
                           x, t, weight, pos_weight=pos_weight, reduction=reduction),
                       constants=("weight", "pos_weight"), x=normal(3, 4), t=uniform(0, 1, 3, 4), **weights)
    ignored = torch.full((2,), -100)
    f.case("cross_entropy_nothing_counts", lambda x, t: F.cross_entropy(x, t), x=normal(2, 4), t=ignored)
    f.case("cross_entropy_vector", lambda x, t: F.cross_entropy(x, t), x=normal(4), t=torch.tensor(2))
    f.save()


def reduction():
    f = Family("reduction")
    axes = {"all": (0, 1, 2), "0": (0,), "1": (1,), "2": (2,), "02": (0, 2), "12": (1, 2)}
    tied = values(1, 3, 3, 2, 0, 0, 5, -1, 5, 5, -1, 2).reshape(2, 2, 3)
    for keepdim in (False, True):
        for name, dims in axes.items():
            suffix = f"{name}{'_keepdim' if keepdim else ''}"
            x = normal(3, 4, 2)
            f.case("sum_" + suffix, lambda x: torch.sum(x, dims, keepdim=keepdim), x=x)
            f.case("mean_" + suffix, lambda x: torch.mean(x, dims, keepdim=keepdim), x=x)
            f.case("max_" + suffix, lambda x: torch.amax(x, dims, keepdim=keepdim), x=tied)
            f.case("min_" + suffix, lambda x: torch.amin(x, dims, keepdim=keepdim), x=tied)
            f.case("var_" + suffix, lambda x: torch.var(x, dims, keepdim=keepdim), x=x)
            f.case("var_biased_" + suffix, lambda x: torch.var(x, dims, correction=0, keepdim=keepdim), x=x)
            f.case("stddev_" + suffix, lambda x: torch.std(x, dims, keepdim=keepdim), x=x)
    for name, x in {"no_zero": normal(2, 3, 2), "zeros": values(2, 3, 4, 0, 3, 4, 0, 0, 4, 0, 0, 0).reshape(2, 3, 2)}.items():
        f.case("prod_all_" + name, lambda x: torch.prod(x), x=x)
        for axis in (0, 1, 2):
            f.case(f"prod_{axis}_{name}", lambda x: torch.prod(x, axis), x=x)
    for axis in (0, 1, -1):
        f.case(f"argmax_{axis}", lambda x: torch.argmax(x, axis), constants=("x",), x=normal(3, 4, 2))
        f.case(f"argmin_{axis}", lambda x: torch.argmin(x, axis, keepdim=True), constants=("x",), x=normal(3, 4, 2))
        f.case(f"cumsum_{axis}", lambda x: torch.cumsum(x, axis), x=normal(3, 4, 2))
        for descending in (False, True):
            x = normal(3, 4, 2)
            name = f"{axis}_{'descending' if descending else 'ascending'}"
            f.case("sort_" + name, lambda x: torch.sort(x, axis, descending).values, x=x)
            f.case("sort_indices_" + name, lambda x: torch.sort(x, axis, descending).indices, constants=("x",), x=x)
            f.case("topk_" + name, lambda x: torch.topk(x, 2, axis, descending).values, x=x)
            f.case("topk_indices_" + name, lambda x: torch.topk(x, 2, axis, descending).indices, constants=("x",), x=x)
    f.case("any", lambda x: torch.any(x, 1), x=mask(3, 2))
    f.case("all", lambda x: torch.all(x, 1), x=mask(3, 2))
    f.case("stddev_zero", lambda x: torch.std(x, 1), x=values(2, 2, 2, 1, 2, 4).reshape(2, 3))
    f.case("var_one", lambda x: torch.var(x, 1), x=normal(3, 1))
    f.save()


def index():
    f = Family("index")
    for axis, shape in {0: (2, 3, 2), 1: (3, 5, 2), 2: (3, 4, 3), -1: (2, 2, 4)}.items():
        size = (3, 4, 2)[axis]
        f.case(f"gather_{axis}", lambda x, i: torch.gather(x, axis, i), x=normal(3, 4, 2), i=integers(0, size, *shape))
        f.case(f"scatter_add_{axis}", lambda x, i, s: torch.scatter_add(x, axis, i, s),
               x=normal(3, 4, 2), i=integers(0, size, *shape), s=normal(*shape))
        f.case(f"index_select_{axis}", lambda x, i: torch.index_select(x, axis, i), x=normal(3, 4, 2), i=integers(0, size, 5))
        source = [3, 4, 2]
        source[axis] = 5
        f.case(f"index_add_{axis}", lambda x, i, s: torch.index_add(x, axis, i, s),
               x=normal(3, 4, 2), i=integers(0, size, 5), s=normal(*source))
        f.case(f"flip_{axis}", lambda x: torch.flip(x, (axis,)), x=normal(3, 4, 2))
    f.case("flip_02", lambda x: torch.flip(x, (0, 2)), x=normal(3, 4, 2))
    for diagonal in (-2, -1, 0, 1, 3):
        f.case(f"tril_{diagonal}", lambda x: torch.tril(x, diagonal), x=normal(2, 3, 4))
        f.case(f"triu_{diagonal}", lambda x: torch.triu(x, diagonal), x=normal(2, 3, 4))
    f.case("pad", lambda x: F.pad(x, (3, 0, 1, 2)), x=normal(2, 3, 2))
    f.case("pad_value", lambda x: F.pad(x, (0, 1, 2, 0, 1, 1), value=-1.5), x=normal(2, 3, 2))
    f.case("masked_fill", lambda x, m: x.masked_fill(m, 0.5), x=normal(2, 3, 4), m=mask(3, 1))
    f.case("embedding", lambda w, i: F.embedding(i, w), w=normal(5, 3), i=integers(0, 5, 2, 4))
    f.case("one_hot", lambda i: F.one_hot(i, 5), i=integers(0, 5, 2, 3))
    f.case("concat", lambda a, b: torch.cat((a, b), 1), a=normal(2, 3, 2), b=normal(2, 1, 2))
    f.case("stack", lambda a, b: torch.stack((a, b), 1), a=normal(2, 3), b=normal(2, 3))
    f.case("slice", lambda x: x[:, 1:6:2], x=normal(2, 7))
    f.case("select", lambda x: x[:, -2], x=normal(2, 4, 3))
    f.case("permute", lambda x: x.permute(2, 0, 1), x=normal(2, 4, 3))
    f.case("reshape", lambda x: x.permute(2, 0, 1).reshape(6, 4), x=normal(2, 4, 3))
    f.case("expand", lambda x: x.expand(2, 4, 3), x=normal(4, 1))
    f.save()


FOLDER.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
print("torch", torch.__version__)
for family in (elementwise, linear, convolution, pooling, norm, softmax, loss, reduction, index, clamp_bounds):
    family()
