"""The variational autoencoder with its params in conf/, as a Hydra app. Needs hydra-core.

python train_hydra.py experiment=exp2 optimizer.lr=1e-3
reenact run train_hydra.py optimizer=sgd            # the composed config is recorded, and where each value came from
reenact run train_hydra.py --multirun model.hidden=64,128
"""

import hydra
import vae
from hydra.utils import instantiate


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    vae.run(
        seed=cfg.seed,
        batch_size=cfg.training.batch_size,
        epochs=cfg.training.epochs,
        hidden=cfg.model.hidden,
        latent_dim=cfg.model.latent_dim,
        optimizer=instantiate(cfg.optimizer),
        data_dir=cfg.data_dir,
    )


if __name__ == "__main__":
    main()
