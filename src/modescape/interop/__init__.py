"""Files of other tools: predictions, scores and checkpoints in; deployable ensembles out."""
