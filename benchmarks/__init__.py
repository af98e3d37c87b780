"""Ours beside the official implementation, measured: `python3 benchmarks/run.py`."""
