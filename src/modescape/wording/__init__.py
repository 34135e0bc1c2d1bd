"""Text about results: numbers as people write them, the words of a section, the parts of the page's head."""
