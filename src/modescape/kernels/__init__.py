"""Operations that a training step needs and torch lacks, or has only unfused.

Each is written in plain torch first: that is its definition, and the fallback. There is also a C version for one CPU
thread, compiled on the user's machine (`native`), and a Triton version for a GPU (`gpu`). Dropout, pooling and the
preparation of images give the same bits in all of them; convolutions sum in another order.
"""
