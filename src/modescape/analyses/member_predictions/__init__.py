"""What each member says of some test examples, which the page compares and averages."""
