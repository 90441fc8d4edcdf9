"""Logs a scalar many times with one logger, and prints ``REPORT {...}``: seconds a call, and until all of it was kept."""

import json
import sys
import time

name, count = sys.argv[1], int(sys.argv[2])


def close():
    """Wait until all is kept."""


if name == "reenact":
    import reenact

    def log(step):
        reenact.log(loss=0.5, step=step)
elif name == "json":
    file = open("points.jsonl", "a")  # noqa: SIM115
    close = file.close

    def log(step):
        file.write(json.dumps({"n": "loss", "s": step, "v": 0.5}) + "\n")
elif name == "tensorboardX":
    from tensorboardX import SummaryWriter

    writer = SummaryWriter("tb")
    close = writer.close

    def log(step):
        writer.add_scalar("loss", 0.5, step)
elif name.startswith("mlflow"):
    import mlflow

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.start_run()
    synchronous = name == "mlflow"

    def close():
        if not synchronous:
            mlflow.flush_async_logging()
        mlflow.end_run()

    def log(step):
        mlflow.log_metric("loss", 0.5, step=step, synchronous=synchronous)
elif name == "wandb":
    import wandb

    run = wandb.init(mode="offline", project="p", dir=".")
    close = run.finish

    def log(step):
        run.log({"loss": 0.5}, step=step)
elif name == "trackio":
    import trackio

    trackio.init(project="p")
    close = trackio.finish

    def log(step):
        trackio.log({"loss": 0.5}, step=step)


log(0)
began = time.perf_counter()
for step in range(1, count + 1):
    log(step)
called = time.perf_counter() - began
close()
print("REPORT " + json.dumps({"call": called / count, "kept": (time.perf_counter() - began) / count}))
