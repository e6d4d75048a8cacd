"""Studies in the habits of other libraries, one file a library: import the one you need."""
