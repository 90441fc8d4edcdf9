"""Runs from elsewhere, as run folders of a store, and runs of a store as text for git."""
