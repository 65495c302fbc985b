"""Routers that are put into one application only, and so need not be copied."""

from typing import Self

from litestar import Router


class Mounted(Router):
    """A router that is put into one application, or into one other router.

    Litestar copies each that is put into it, with every handler: a third of the time in which a server is made.
    """

    def __deepcopy__(self, _memo: object) -> Self:
        return self
