"""``reenact ui``: a local page with all runs. The run folders are what it reads; only labels are ever written."""
