"""reenact: makes machine-learning experiments reproducible, and proves it.

Importing this package does nothing and costs nothing; the command line is ``reenact``.
"""

__version__ = "0.1.0"
