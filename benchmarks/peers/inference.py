"""LeNet-5 in PyTorch without a graph: one image, and 10,000."""

import torch

import peer

options = peer.start(__doc__)
model = peer.lenet5().eval()
budget, runs = (0, 1) if options.smoke else (0.2, 5)
with torch.inference_mode():
    for batch in (1, 8, 128, 10_000):
        images = torch.rand(batch, 1, 28, 28)
        seconds = peer.median_seconds(lambda: model(images), budget, runs)
        peer.report(f"lenet5_inference/batch:{batch}", options.threads, seconds)
