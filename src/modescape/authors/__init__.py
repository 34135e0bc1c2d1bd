"""What authors and teachers need for their own documents: captions, tidy tables, references."""
