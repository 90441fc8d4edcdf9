"""The variational autoencoder with its params as constants, and no way to set them from the command line.

python train_constants.py
reenact run train_constants.py lr=2e-3 epochs=5     # other values for one run, and this file as it is
reenact config train_constants.py                   # what there is to set
"""

import vae

seed = 1
batch_size = 64
epochs = 20
lr = 1e-3
hidden = 256
latent_dim = 10
data_dir = None  # folder with MNIST's idx files; scikit-learn's digits if there is none

vae.run(
    seed=seed,
    batch_size=batch_size,
    epochs=epochs,
    lr=lr,
    hidden=hidden,
    latent_dim=latent_dim,
    data_dir=data_dir,
)
