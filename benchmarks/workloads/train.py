"""A training script as people write one, of a chosen size, that times its own steps. It knows nothing of reenact.

Prints ``REPORT {...}``: seconds of every step (wall), wall and CPU seconds of the whole loop. With ``--calibrate MS`` it
prints the batch size at which a step takes about that long.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """A decoder; at width 768 with 12 layers and 16,384 tokens it has 98 million parameters."""

    def __init__(self, width=768, layers=12, vocabulary=16384):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(*[Block(width, 12) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.embed(tokens)))).flatten(0, 1)


def build(name):
    """(model, function that makes n examples)."""
    if name == "mlp":
        # The network of PyTorch's quickstart.
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        return model, lambda n: (torch.randn(n, 784), torch.randint(10, (n,)))
    if name == "cnn":
        # LeNet-5 with ReLU.
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
        )
        return model, lambda n: (torch.randn(n, 1, 28, 28), torch.randint(10, (n,)))
    model = Transformer()
    return model, lambda n: (torch.randint(16384, (n, 16)), torch.randint(16384, (n, 16)))


def batches(x, y, batch, steps, how):
    """``steps`` batches, from a shuffling DataLoader or by slices, epoch after epoch."""
    done = 0
    if how == "loader":
        loader = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True, drop_last=True)
        while True:
            for pair in loader:
                yield pair
                done += 1
                if done == steps:
                    return
    while done < steps:
        order = torch.randperm(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start : start + batch]
            yield x[chosen], y[chosen]
            done += 1
            if done == steps:
                return


def train(args, batch, steps, each=None):
    torch.manual_seed(0)
    model, make = build(args.model)
    x, y = make(args.batches * batch)
    optimizer = (torch.optim.Adam if args.model == "cnn" else torch.optim.SGD)(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    times = []
    cpu = time.process_time()
    began = before = time.perf_counter()
    for number, (a, b) in enumerate(batches(x, y, batch, steps, args.data)):
        optimizer.zero_grad()
        loss = criterion(model(a), b.flatten())
        loss.backward()
        optimizer.step()
        if each is not None:
            each(number, loss)
        now = time.perf_counter()
        times.append(now - before)
        before = now
    return {"wall": before - began, "cpu": time.process_time() - cpu, "steps": times, "loss": loss.item()}


def calibrate(args):
    """The batch size at which the median step takes ``args.calibrate`` milliseconds, found by doubling and interpolation."""
    target = args.calibrate / 1000

    def median(batch):
        times = sorted(train(args, batch, 30)["steps"])
        return times[len(times) // 2]

    small, low = 1, median(1)
    if low >= target:
        return small
    large = 2
    while (high := median(large)) < target and large < 4096:
        small, low, large = large, high, large * 2
    share = (target - low) / max(high - low, 1e-9)
    return max(1, round(small + min(max(share, 0), 1) * (large - small)))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["mlp", "cnn", "transformer"], default="mlp")
    parser.add_argument("--data", choices=["loader", "manual"], default="loader")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--batches", type=int, default=100, help="batches in an epoch")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--calibrate", type=float, metavar="MS")
    parser.add_argument("--brief", action="store_true", help="do not report every step's time")
    return parser


if __name__ == "__main__":
    args = arguments().parse_args()
    torch.set_num_threads(args.threads)
    if args.calibrate:
        report = {"batch": calibrate(args)}
    else:
        report = train(args, args.batch, args.steps)
        if args.brief:
            del report["steps"]
    print("REPORT " + json.dumps(report))
