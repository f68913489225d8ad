"""A training epoch of LeNet-5 in PyTorch, batch 128, shuffled, data in memory; reports the time of a step."""

import resource
import time

import torch

import peer

BATCH = 128

options = peer.start(__doc__)
images, labels = peer.mnist(options.data)
model = peer.lenet5()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(1 if options.smoke else 20):
    peer.training_step(model, optimizer, images[:BATCH], labels[:BATCH])

steps = 2 if options.smoke else len(images) // BATCH
begin = time.perf_counter()
for chosen in torch.randperm(len(images))[: steps * BATCH].view(steps, BATCH):
    peer.training_step(model, optimizer, images[chosen], labels[chosen])
seconds = (time.perf_counter() - begin) / steps
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
peer.report("lenet5/batch:128", options.threads, seconds, peak_resident_MB=megabytes)
