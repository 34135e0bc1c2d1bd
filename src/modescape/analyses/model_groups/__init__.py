"""Which of two methods is better, where several given models are runs of one method."""
