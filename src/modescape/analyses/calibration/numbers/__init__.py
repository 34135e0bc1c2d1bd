"""Whether the variances of a regression are right: coverage, width, and one factor fitted on validation."""
