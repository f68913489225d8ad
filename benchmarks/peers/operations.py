"""Single operations in PyTorch, forward and with the gradients of all inputs, images in both of its layouts."""

import re

import torch
import torch.nn.functional as F

import peer

options = peer.start(__doc__)
ROWS = {"rows": torch.contiguous_format}
IMAGES = {"rows": torch.contiguous_format, "channels-last": torch.channels_last}


def case(name, inputs, function, layouts=ROWS):
    if not re.match(options.only, name):
        return
    budget, runs = (0, 1) if options.smoke else (0.03, 5)
    for layout, memory_format in layouts.items():
        leaves = [x.contiguous(memory_format=memory_format) if x.dim() == 4 else x for x in inputs()]
        with torch.no_grad():
            seconds = peer.median_seconds(lambda: function(*leaves), budget, runs)
        peer.report(f"{name}/{layout}/forward", options.threads, seconds)
        leaves = [x.detach().requires_grad_() for x in leaves]
        dy = torch.ones_like(function(*leaves))
        seconds = peer.median_seconds(lambda: torch.autograd.grad(function(*leaves), leaves, dy), budget, runs)
        peer.report(f"{name}/{layout}/forward_backward", options.threads, seconds)


def conv2d(batch, in_channels, size, out_channels, kernel, stride=1, padding=0, groups=1):
    case(f"conv2d/{batch}x{in_channels}x{size}_{out_channels}_k{kernel}_s{stride}_p{padding}_g{groups}",
         lambda: (torch.randn(batch, in_channels, size, size),
                  torch.randn(out_channels, in_channels // groups, kernel, kernel), torch.randn(out_channels)),
         lambda x, w, b: F.conv2d(x, w, b, stride, padding, 1, groups), IMAGES)


def pool2d(function, batch, channels, size, kernel, stride):
    kind = {F.avg_pool2d: "avg", F.max_pool2d: "max"}[function]
    case(f"{kind}_pool2d/{batch}x{channels}x{size}_k{kernel}_s{stride}",
         lambda: (torch.randn(batch, channels, size, size),), lambda x: function(x, kernel, stride), IMAGES)


def linear(batch, inputs, outputs):
    case(f"linear/{batch}x{inputs}_{outputs}",
         lambda: (torch.randn(batch, inputs), torch.randn(outputs, inputs), torch.randn(outputs)), F.linear)


def one(name, function, *shape):
    case(name, lambda: (torch.randn(*shape),), function)


conv2d(128, 1, 28, 6, 5)
conv2d(128, 6, 12, 16, 5)
conv2d(128, 3, 32, 16, 3, padding=1)
conv2d(128, 16, 32, 16, 3, padding=1)
conv2d(128, 32, 16, 32, 3, padding=1)
conv2d(64, 64, 32, 64, 3, padding=1)
conv2d(64, 64, 32, 128, 3, stride=2, padding=1)
conv2d(64, 128, 16, 128, 3, padding=1)
conv2d(64, 128, 16, 256, 1)
conv2d(64, 64, 32, 64, 3, padding=1, groups=64)
pool2d(F.avg_pool2d, 128, 6, 24, 2, 2)
pool2d(F.avg_pool2d, 128, 16, 8, 2, 2)
pool2d(F.max_pool2d, 128, 6, 24, 2, 2)
pool2d(F.max_pool2d, 64, 64, 32, 2, 2)
pool2d(F.max_pool2d, 64, 64, 32, 3, 2)
linear(128, 256, 120)
linear(128, 784, 512)
linear(128, 1024, 1024)
linear(512, 4096, 1024)
one("softmax/128x1000", lambda x: F.softmax(x, 1), 128, 1000)
for classes in (10, 1000):
    targets = torch.randint(0, classes, (128,))
    one(f"cross_entropy/128x{classes}", lambda x, t=targets: F.cross_entropy(x, t), 128, classes)
one("layer_norm/512x1024", lambda x: F.layer_norm(x, (1024,)), 512, 1024)
case("batch_norm/128x64x32x32", lambda: (torch.randn(128, 64, 32, 32), torch.ones(64), torch.zeros(64)),
     lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), IMAGES)
one("gelu/512x4096", F.gelu, 512, 4096)
one("tanh/512x4096", torch.tanh, 512, 4096)
one("relu/512x4096", torch.relu, 512, 4096)
case("add_broadcast/1024x1024", lambda: (torch.randn(1024, 1024), torch.randn(1024)), torch.add)
one("transpose/1024x1024", lambda x: x.t().contiguous(), 1024, 1024)
one("sum_axis0/1024x1024", lambda x: x.sum(0), 1024, 1024)
one("sum_axis1/1024x1024", lambda x: x.sum(1), 1024, 1024)
one("sum/1024x1024", lambda x: x.sum(), 1024, 1024)
one("max_axis1/1024x1024", lambda x: x.amax(1), 1024, 1024)
case("add/8", lambda: (torch.randn(8), torch.randn(8)), torch.add)

x = torch.randn(8, requires_grad=True)


def tanh_chain():
    y = x
    for _ in range(100):
        y = torch.tanh(y)
    torch.autograd.grad(y.sum(), x)


if re.match(options.only, "tanh_chain_100"):
    budget, runs = (0, 1) if options.smoke else (0.03, 5)
    peer.report("tanh_chain_100/8/rows/forward_backward", options.threads,
                peer.median_seconds(tanh_chain, budget, runs))
