"""Experiment repositories that work: what ``reenact init`` writes, and what it leaves alone."""
