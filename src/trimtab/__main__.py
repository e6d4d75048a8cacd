"""`python -m trimtab` is the command `trimtab`."""

from trimtab.cli import main

if __name__ == "__main__":
    main(prog_name="trimtab")
