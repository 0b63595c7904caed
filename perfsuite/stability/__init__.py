"""Would the target last? What each resource did over a long run, and when it would be used up."""
