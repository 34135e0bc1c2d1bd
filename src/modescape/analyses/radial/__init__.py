"""The sector through the origin and two solutions: accuracy, agreement and loss in polar coordinates."""
