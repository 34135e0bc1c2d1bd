"""How a network runs: members' own operations, fused layers, stacked or one by one; its behaviour."""
