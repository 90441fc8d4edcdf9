"""Hyperparameters are tied by argument and by name, never by value."""

from __future__ import annotations

from reenact.static.hyperparameters import Hyperparameter, hyperparameters
from reenact.static.module import Module

VAE = """\
import torch
from torch.optim import Adam
from torch.utils.data import DataLoader
from model import Decoder, Encoder, Model

batch_size = 100
x_dim = 784
hidden = 400
loader = DataLoader(dataset=data, batch_size=batch_size, shuffle=True)
encoder = Encoder(input_dim=x_dim, hidden_dim=hidden, latent_dim=20)
decoder = Decoder(latent_dim=20, hidden_dim=hidden, output_dim=x_dim)
model = Model(encoder, decoder)
optimizer = Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for i, (x, _) in enumerate(loader):
        if i % 100 == 0:
            print(i)
        x = x.view(batch_size, 784)
        loss = -0.5 * torch.sum(model(x), dim=1)
        loss.backward()
        optimizer.step()
noise = torch.zeros(64, 20)
"""


def found(text: str) -> list[Hyperparameter]:
    return hyperparameters(Module("train.py", text.encode()))


def test_equal_values_are_told_apart() -> None:
    ones = found(VAE)
    assert [(one.name, one.value, one.line) for one in ones] == [
        ("batch_size", 100, 6),
        ("x_dim", 784, 7),
        ("hidden", 400, 8),
        ("latent_dim", 20, 10),
        ("latent_dim", 20, 11),
        ("lr", 1e-3, 13),
        ("epochs", 20, 14),
    ]
    ties = {(one.name, one.line): one.tied for one in ones}
    assert ties["batch_size", 6] == ("DataLoader(batch_size)",)
    assert ties["hidden", 8] == ("Encoder(hidden_dim)", "Decoder(hidden_dim)")
    assert ties["epochs", 14] == ("for epoch in range(…)",)


def test_flags_are_listed_and_are_not_in_the_code() -> None:
    ones = found("import argparse\np = argparse.ArgumentParser()\np.add_argument('--hidden-size', default=32)\n")
    assert [(one.name, one.value, one.in_code) for one in ones] == [("hidden_size", 32, False)]


def test_a_parameter_that_goes_into_a_layer_is_followed() -> None:
    ones = found(
        "from torch import nn\n"
        "def unit(a, b=64):\n    return nn.Linear(a, b)\n"
        "def pair(c):\n    return unit(c), unit(c)\n"
        "x = pair(128)\n"
    )
    assert [(one.name, one.value, one.kind, one.line) for one in ones] == [
        ("b", 64, "default", 2),
        ("c", 128, "argument", 6),
    ]


def test_places_can_be_rewritten() -> None:
    lines = VAE.splitlines()
    for one in found(VAE):
        assert lines[one.line - 1][one.column - 1 :].startswith(str(one.value) if one.value != 1e-3 else "1e-3")


def test_a_schedule_by_hand() -> None:
    ones = found("import torch\nlr = args.lr\nfor epoch in range(n):\n    if epoch % 10 == 0:\n        lr /= 5\n")
    assert [(one.name, one.value) for one in ones] == [("lr_period", 10), ("lr_factor", 5)]


def test_sizes_of_the_data_score_low() -> None:
    module = Module("a.py", b"from torch import nn\nn_classes = 10\nwide = 32\nx = nn.Linear(wide, n_classes)\n")
    assert [one.name for one in hyperparameters(module)] == ["wide"]
    assert [one.name for one in hyperparameters(module, least=0)] == ["n_classes", "wide"]
