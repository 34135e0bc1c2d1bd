"""The Hessian of the training loss at solutions and along one run: its spectrum, and how sharp the solutions are."""
