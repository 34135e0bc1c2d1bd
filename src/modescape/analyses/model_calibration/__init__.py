"""How sure given models are, and what temperatures would change."""
