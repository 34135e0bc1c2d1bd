"""What the cost of several networks buys: all ways to spend it, on the same examples, and the decision between them."""
