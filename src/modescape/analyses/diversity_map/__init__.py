"""How good, how diverse, worth how many independent networks: the exact law of the Brier score as a map."""
