"""Which of two given models is better, for every two of them, and how far their errors overlap."""
