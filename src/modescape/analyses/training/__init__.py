"""Loss, accuracy and learning rate of every member, epoch by epoch."""
