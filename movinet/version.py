"""The version of the library; no other module defines it."""

__version__ = "0.1.0"
