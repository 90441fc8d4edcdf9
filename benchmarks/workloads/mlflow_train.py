"""Runs ``train.py`` as MLflow's users do: tracked in SQLite, with autologging on, and unless ``--autolog-only`` the loss logged at every step.

MLflow's autologging does not look into a plain PyTorch loop; the line ``mlflow.log_metric`` is what its documentation tells people to add.
"""

import json
import os
import sys

import mlflow
import torch
import train

if __name__ == "__main__":
    alone = "--autolog-only" in sys.argv
    if alone:
        sys.argv.remove("--autolog-only")
    args = train.arguments().parse_args()
    torch.set_num_threads(args.threads)
    mlflow.set_tracking_uri("sqlite:///" + os.path.abspath("mlflow.db"))
    mlflow.autolog(silent=True)
    with mlflow.start_run():
        mlflow.log_params(vars(args))

        def each(number, loss):
            mlflow.log_metric("loss", loss.item(), step=number)

        report = train.train(args, args.batch, args.steps, None if alone else each)
    print("REPORT " + json.dumps(report))
