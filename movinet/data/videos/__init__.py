"""Frames and their times, out of files that nobody trusts."""
