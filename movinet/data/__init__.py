"""Videos, datasets on disk and the input pipeline; knows nothing of models."""
