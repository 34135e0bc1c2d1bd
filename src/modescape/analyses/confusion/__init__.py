"""Which classes are confused: by one member, by the mean member, by the ensemble."""
