"""`python -m pennon.cli`: the same as `pennon`, wherever scripts are not on the path."""

from pennon.cli import main

main()
