"""How long trimtab itself takes, and how much memory: importing, asking, growing, storing, loading."""
