"""A variational autoencoder on handwritten digits.

    python train.py                       # the 1,797 digits of 8 x 8 that come with scikit-learn
    python train.py --data-dir ~/data     # MNIST, from its idx files (.gz or not, also below MNIST/raw)

Writes vae.pt (the weights) and samples.png (64 digits drawn from the prior) into the current folder.
The model is that of Kingma and Welling, "Auto-Encoding Variational Bayes" (2013), appendix C.1.
"""

import argparse
import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

seed = 1
batch_size = 64
epochs = 20
lr = 1e-3
hidden = 256
latent_dim = 10

parser = argparse.ArgumentParser(description="Train a variational autoencoder on handwritten digits.")
parser.add_argument("--data-dir", type=Path, help="folder with MNIST's idx files; scikit-learn's digits if not given")
args = parser.parse_args()

torch.manual_seed(seed)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def read_idx(folder, name):
    """Images of an idx file as a uint8 array of shape (count, rows, columns)."""
    for path in (folder / name, folder / "MNIST" / "raw" / name):
        for opener, file in ((open, path), (gzip.open, path.with_name(path.name + ".gz"))):
            if file.is_file():
                with opener(file, "rb") as f:
                    magic, count, rows, columns = struct.unpack(">4i", f.read(16))
                    if magic != 2051:
                        raise SystemExit(f"{file} is not an idx file of images")
                    return np.frombuffer(f.read(), dtype=np.uint8).reshape(count, rows, columns)
    raise SystemExit(f"no {name} or {name}.gz in {folder} or {folder / 'MNIST' / 'raw'}")


def load_images(train):
    """Images as float32 in [0, 1], shape (count, side, side)."""
    if args.data_dir is not None:
        name = "train-images-idx3-ubyte" if train else "t10k-images-idx3-ubyte"
        return read_idx(args.data_dir, name).astype(np.float32) / 255
    from sklearn.datasets import load_digits

    images = load_digits().images.astype(np.float32) / 16
    return images[:1500] if train else images[1500:]


class Digits(Dataset):
    def __init__(self, train):
        self.images = load_images(train)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return torch.from_numpy(self.images[index]).flatten()


class VAE(nn.Module):
    def __init__(self, pixels):
        super().__init__()
        self.fc1 = nn.Linear(pixels, hidden)
        self.fc_mu = nn.Linear(hidden, latent_dim)
        self.fc_logvar = nn.Linear(hidden, latent_dim)
        self.fc2 = nn.Linear(latent_dim, hidden)
        self.fc3 = nn.Linear(hidden, pixels)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.fc3(F.relu(self.fc2(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


train_data, test_data = Digits(train=True), Digits(train=False)
train_loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
test_loader = DataLoader(test_data, batch_size=batch_size)
side = train_data.images.shape[1]

model = VAE(side * side).to(device)
optimizer = optim.Adam(model.parameters(), lr=lr)


def train():
    model.train()
    total = 0.0
    for x in train_loader:
        x = x.to(device)
        optimizer.zero_grad()
        recon, mu, logvar = model(x)
        loss = loss_function(recon, x, mu, logvar)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_data)


@torch.no_grad()
def test():
    model.eval()
    total = 0.0
    for x in test_loader:
        x = x.to(device)
        recon, mu, logvar = model(x)
        total += loss_function(recon, x, mu, logvar).item()
    return total / len(test_data)


@torch.no_grad()
def sample(rows=8, columns=8):
    """A grid of decoded draws from the prior, uint8 of shape (rows * side, columns * side)."""
    model.eval()
    pixels = model.decode(torch.randn(rows * columns, latent_dim, device=device)).cpu()
    grid = pixels.view(rows, columns, side, side).permute(0, 2, 1, 3).reshape(rows * side, columns * side)
    return (grid * 255).round().to(torch.uint8).numpy()


def write_png(path, image):
    """Writes a uint8 array of shape (height, width) as a grey PNG."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = image.shape
    lines = b"".join(b"\0" + line.tobytes() for line in image)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + data)


for epoch in range(1, epochs + 1):
    print(f"epoch {epoch:2d}  train loss {train():.4f}  test loss {test():.4f}")

torch.save(model.state_dict(), "vae.pt")
write_png("samples.png", sample())
print("wrote vae.pt and samples.png")
