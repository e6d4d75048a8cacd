"""What early stopping saves, and how often it stops the best trial."""
