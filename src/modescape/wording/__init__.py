"""Words about results: numbers as a person writes them, a section's words, what the head of the page is made of."""
