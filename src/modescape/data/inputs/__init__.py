"""Kinds of inputs: what an example is, how it is checked, what is fitted on the training split, how a batch is made."""
