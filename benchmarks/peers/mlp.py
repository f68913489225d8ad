"""Training steps of a multilayer perceptron, 784-512-512-10, in PyTorch, batch 128, data in memory."""

import torch

import peer

BATCH = 128
IMAGES = 8192

options = peer.start(__doc__)
images, labels = (part[:IMAGES].clone() for part in peer.mnist(options.data))
images = images.view(IMAGES, 784)
model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(),
                            torch.nn.Linear(512, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
place = 0


def step():
    global place
    peer.training_step(model, optimizer, images[place : place + BATCH], labels[place : place + BATCH])
    place = (place + BATCH) % IMAGES


for _ in range(1 if options.smoke else 20):
    step()
budget, runs = (0, 1) if options.smoke else (0.2, 5)
peer.report("mlp/batch:128", options.threads, peer.median_seconds(step, budget, runs))
