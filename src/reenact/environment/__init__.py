"""What a run stands on: interpreter, packages, hardware, source, variables; and what of it must not be written down."""
