"""A variational autoencoder on handwritten digits, for the two scripts beside it: data, model, training.

The model is that of Kingma and Welling, "Auto-Encoding Variational Bayes" (2013), appendix C.1.
"""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset


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


def load_images(data_dir, train):
    """Images as float32 in [0, 1], shape (count, side, side): MNIST's, or scikit-learn's digits without a folder."""
    if data_dir is not None:
        name = "train-images-idx3-ubyte" if train else "t10k-images-idx3-ubyte"
        return read_idx(Path(data_dir), name).astype(np.float32) / 255
    from sklearn.datasets import load_digits

    images = load_digits().images.astype(np.float32) / 16
    return images[:1500] if train else images[1500:]


class Digits(Dataset):
    def __init__(self, data_dir, train):
        self.images = load_images(data_dir, train)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return torch.from_numpy(self.images[index]).flatten()


class VAE(nn.Module):
    def __init__(self, pixels, hidden, latent_dim):
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


def train(model, loader, optimizer, device):
    """One epoch; the mean loss of an image."""
    model.train()
    total = 0.0
    for x in loader:
        x = x.to(device)
        optimizer.zero_grad()
        recon, mu, logvar = model(x)
        loss = loss_function(recon, x, mu, logvar)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader.dataset)


@torch.no_grad()
def test(model, loader, device):
    """The mean loss of an image."""
    model.eval()
    total = 0.0
    for x in loader:
        x = x.to(device)
        recon, mu, logvar = model(x)
        total += loss_function(recon, x, mu, logvar).item()
    return total / len(loader.dataset)


@torch.no_grad()
def sample(model, latent_dim, device, rows=8, columns=8):
    """A grid of decoded draws from the prior, uint8 of shape (rows * side, columns * side)."""
    model.eval()
    pixels = model.decode(torch.randn(rows * columns, latent_dim, device=device)).cpu()
    side = round(pixels.shape[1] ** 0.5)
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


def run(*, seed, batch_size, epochs, hidden, latent_dim, lr=None, optimizer=None, data_dir=None):
    """Trains, and writes vae.pt (the weights) and samples.png (64 digits drawn from the prior).

    The optimizer is Adam with lr, or what ``optimizer`` makes of the model's parameters.
    """
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_data, test_data = Digits(data_dir, train=True), Digits(data_dir, train=False)
    train_loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
    test_loader = DataLoader(test_data, batch_size=batch_size)
    side = train_data.images.shape[1]
    model = VAE(side * side, hidden, latent_dim).to(device)
    optimizer = optimizer(model.parameters()) if optimizer is not None else optim.Adam(model.parameters(), lr=lr)
    for epoch in range(1, epochs + 1):
        train_loss, test_loss = train(model, train_loader, optimizer, device), test(model, test_loader, device)
        print(f"epoch {epoch:2d}  train loss {train_loss:.4f}  test loss {test_loss:.4f}")
    torch.save(model.state_dict(), "vae.pt")
    write_png("samples.png", sample(model, latent_dim, device))
    print("wrote vae.pt and samples.png")
