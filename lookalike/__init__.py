"""From a few names to a working image classifier you can share."""

__version__ = "0.1.0"
