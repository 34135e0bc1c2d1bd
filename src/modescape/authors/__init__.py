"""What authors and teachers take into documents of their own: captions, tidy numbers, references."""
