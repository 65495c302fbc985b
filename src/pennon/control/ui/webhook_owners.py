"""Who has webhooks: the same pages are there for a project's and for the installation's."""

from typing import TypeAlias

import msgspec
from litestar.di import NamedDependency

from pennon.control.log import INSTALLATION, Reading, project_log
from pennon.control.ui.inputs import Named
from pennon.control.ui.rendering import Frame, Pages, page_path
from pennon.control.ui.visitors import Visitor


class Owner(msgspec.Struct, frozen=True):
    """Who has webhooks: a project; None: the installation."""

    project: str | None

    @property
    def log(self) -> str:
        """The log that they are in."""
        return INSTALLATION if self.project is None else project_log(self.project)

    def path(self, *steps: str, **query: str | None) -> str:
        """Return the address of the page of its webhooks, or of one below it."""
        first = ("installation",) if self.project is None else ("projects", self.project)
        return page_path(*first, "webhooks", *steps, **query)

    def frame(self, pages: Pages, visitor: Visitor, reading: Reading) -> Frame:
        """Return what stands about its pages."""
        return pages.frame(visitor, reading, self.project)


Owned: TypeAlias = NamedDependency[Owner]
"""Whose webhooks a path is of: a route annotates its parameter `owner` with it."""


def provide_project(project: Named) -> Owner:
    """Return the project that the path names."""
    return Owner(project)


def provide_installation() -> Owner:
    """Return the installation."""
    return Owner(None)
