"""Datasets on disk: TFRecord shards, built by many processes or machines, and their manifest."""
