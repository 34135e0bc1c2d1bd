"""What each given model adds to the average of all."""
