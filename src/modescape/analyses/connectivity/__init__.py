"""Barriers between every two solutions, as they are and once aligned; and what networks do along paths between two."""
