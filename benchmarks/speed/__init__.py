"""How long trimtab itself takes: importing, asking, storing, loading."""
