"""Where the clips of a dataset are found, and in which split each is."""
