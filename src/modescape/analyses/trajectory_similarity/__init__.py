"""How alike the checkpoints of one run are: in their weights and in the labels they predict."""
