"""`python -m primacy`."""

from primacy.cli import main

main()
