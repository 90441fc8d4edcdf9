"""Where a run executes: executors start a command and relay its bytes and signals; jobs tell how it ended."""
