"""SIGKILL at random points of `append`: what was acknowledged is there, and the file is whole."""
