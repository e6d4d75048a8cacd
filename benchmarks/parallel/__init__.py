"""What several workers cost: trials that must be proposed before the results of others are known."""
