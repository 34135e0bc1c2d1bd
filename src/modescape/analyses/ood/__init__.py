"""Other data: entropy and disagreement of the networks, and detection."""
