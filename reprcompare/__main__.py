"""`python -m reprcompare` is the command `reprcompare`."""

from reprcompare.cli import main

main()
