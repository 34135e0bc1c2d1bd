"""Networks collected along one cyclic run, and long runs, against independent networks at equal training cost."""
