"""Experiments, task and trainer: the only package that loads the Model Garden."""
