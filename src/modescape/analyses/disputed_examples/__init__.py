"""The examples on which given models disagree most."""
