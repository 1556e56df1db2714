"""`python -m primacy`."""

from primacy.cli.app import main

main()
