"""What is known of runs as HTML: one file that needs no network, and the pieces that the local page shows."""
