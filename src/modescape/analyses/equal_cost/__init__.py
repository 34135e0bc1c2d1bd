"""All ways to spend the cost of several networks, on the same examples, and the decision between them."""
