"""What people call a flag and its variations, which only the REST API tells."""

from typing import NamedTuple


class Details(NamedTuple):
    """A flag's name, description and tags, and its variations' names, empty where they have none."""

    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    variations: tuple[str, ...] = ()
