"""From trained models to files that other programs run: SavedModel and LiteRT."""
