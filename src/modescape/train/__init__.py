"""Training: the step (any number of stacked members), optimisers, schedules, the loop, the plan."""
