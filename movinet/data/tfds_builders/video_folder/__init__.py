"""A folder or a list of videos as a TensorFlow dataset."""
