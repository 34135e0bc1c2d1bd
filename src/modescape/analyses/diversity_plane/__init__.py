"""Networks in the plane of accuracy and diversity: around one solution, and other solutions."""
