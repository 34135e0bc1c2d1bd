"""Other people's files: predictions, scores and checkpoints in; deployable ensembles out."""
