"""The few operations that a training step needs and torch does not have, or has only in pieces.

Each is written in plain torch first: that is its definition, and what runs where nothing else does. Beside it stand a C
version for one CPU thread, compiled on the user's machine (`native`), and a Triton version for a GPU (`gpu`). Dropout,
pooling and the preparation of images have the same bits in all of them; convolutions sum in another order.
"""
