"""One-way copies of runs into trackers. Nothing is ever read back from them, and the user's process knows nothing of it."""
