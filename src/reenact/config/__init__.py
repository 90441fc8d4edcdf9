"""What a script can be configured by, told from its source: constants, arguments, and overrides of them. Nothing is run."""
