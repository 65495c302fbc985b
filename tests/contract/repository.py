"""A project's files as a text editor sees them, and the commands on them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pennon.control.environments.ownership import Origin
from pennon.control.files.document import Document
from pennon.control.files.folder import files_of, read_folder
from pennon.control.files.plan import Plan
from pennon.control.files.service import FileService
from pennon.control.files.work import Orders
from pennon.control.log import Actor, Outcome
from tests.contract.shop import BERT, Shop

ORIGIN = Origin(source="git@host:team/flags", commit="1a2b3c4d5e6f")


class Repository:
    """A project's files as a text editor sees them, and the commands on them."""

    def __init__(self, shop: Shop, files: FileService | None = None) -> None:
        self.service = files or FileService(shop.log, new_salt=shop.salt)
        self.project = shop.project
        self.files: dict[str, str] = {}
        self.pull()

    def pull(self, *environments: str) -> None:
        self.files = files_of(self.service.document(self.project, environments or None), self.project)

    def write(self, name: str, old: str, new: str) -> None:
        assert old in self.files[name], self.files[name]
        self.files[name] = self.files[name].replace(old, new)

    @property
    def document(self) -> Document:
        folder = read_folder({name: text.encode() for name, text in self.files.items()})
        assert folder.faults == ()
        return msgspec.convert(folder.document, Document)

    def plan(self, **orders: Any) -> Plan:
        return self.service.plan(self.project, self.document, Orders(origin=ORIGIN, **orders))

    def apply(self, by: Actor = BERT, why: str = "", **orders: Any) -> Outcome:
        return self.service.apply(self.project, self.document, Orders(**{"origin": ORIGIN, **orders}), by=by, why=why)


def said(plan: Plan) -> list[str]:
    """Return all that a plan would change, in sentences."""
    items = [*plan.definitions, *(item for items in plan.environments.values() for item in items)]
    return [sentence for item in items for sentence in item.sentences]


def heads(shop: Shop) -> Mapping[str, int]:
    with shop.log.reading() as reading:
        return {log: head.revision for log, head in reading.heads().items()}
