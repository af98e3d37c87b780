"""Kinetics as a TensorFlow dataset."""
