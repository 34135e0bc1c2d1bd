"""Barriers between every two solutions, as they are and once aligned; and networks along paths between two."""
