"""The variational autoencoder with its params as arguments.

python train_argparse.py --lr 2e-3 --epochs 5
reenact run train_argparse.py --lr 2e-3             # the defaults are recorded as well
"""

import argparse

import vae

parser = argparse.ArgumentParser(description="Train a variational autoencoder on handwritten digits.")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--hidden", type=int, default=256)
parser.add_argument("--latent-dim", type=int, default=10)
parser.add_argument("--data-dir", help="folder with MNIST's idx files; scikit-learn's digits if not given")

vae.run(**vars(parser.parse_args()))
