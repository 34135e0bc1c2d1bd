"""What the start that members share buys: fine-tuned members beside members from scratch."""
