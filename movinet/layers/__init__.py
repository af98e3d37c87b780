"""The layers of MoViNets, one file a concept; nothing here knows of models or data."""
