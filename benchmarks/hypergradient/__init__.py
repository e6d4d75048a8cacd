"""What hypergradients cost beside plain training, and how exact they are."""
