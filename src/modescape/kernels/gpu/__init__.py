"""The GPU's kernels in Triton; imported only where there is a GPU (and by tests, which interpret them on the CPU)."""

import os

# Triton 3.9 asks for a word on whether a * b + c may be contracted; this is what GPUs do and what it did before
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
