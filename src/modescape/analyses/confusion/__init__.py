"""Which classes are taken for which: by one member, by the mean member, by the ensemble."""
