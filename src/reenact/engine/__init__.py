"""Container engines, driven by their command lines: contexts, credential helpers and remote hosts come with them."""
