"""Builders of TensorFlow Datasets for videos on a disk: `tfds build` takes their folders."""
