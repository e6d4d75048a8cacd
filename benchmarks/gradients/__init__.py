"""What reported hypergradients bring to the search and to the sensitivities, on real training runs."""
