"""The Hessian of the training loss at solutions and along one run: its spectrum, and the sharpness of the solutions."""
