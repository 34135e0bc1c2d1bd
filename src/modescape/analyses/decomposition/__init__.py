"""Where the gain of averaging comes from: the ensemble's score is exactly the mean network's minus a diversity."""
