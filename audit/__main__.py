"""`python -m audit` is `dokimasia`."""

from audit.cli import main

main()
