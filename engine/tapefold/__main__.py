"""`python -m tapefold` is `tapefold`."""

from tapefold.cli import main

main()
