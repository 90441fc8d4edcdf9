"""What can be said of a program without running it: what stands in the way of reproducing it, and its hyperparameters."""
