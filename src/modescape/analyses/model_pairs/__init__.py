"""Which of two given models is better, for every two of them, and how far they err on the same examples."""
