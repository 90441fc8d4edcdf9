"""``python -m reenact``."""

from .cli.main import entry

if __name__ == "__main__":
    entry()
