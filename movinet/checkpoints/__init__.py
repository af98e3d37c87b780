"""Reading and writing weights; knows the models, not the trainer."""
