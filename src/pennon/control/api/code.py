"""Code references over HTTP: what a scan found in a repository, and where a flag is named."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import ListOf, list_answer
from pennon.control.api.changes import Limit
from pennon.control.api.inputs import NO_CONTROLS, ItemKey, Key
from pennon.control.api.routes import PROJECT, deletes, reads, replaces
from pennon.control.lifecycle.code import MOST_REFERENCES, Located, Reference, Report, Scan
from pennon.control.services import Services

MOST_REPORTED_BYTES = 16 * 1024 * 1024
_SCANS = PROJECT + "/code-references"
_REPORT = _SCANS + "/{repository:path}"
_USES = PROJECT + "/flag-references"
_EXAMPLE = {
    "revision": "9f2c4e1",
    "scannedAt": "2026-01-31T12:00:00Z",
    "references": [{"flag": "new-checkout", "file": "shop/cart.py", "line": 42, "owner": "@acme/payments"}],
}

OfFlag = Annotated[
    str, QueryParameter(name="flag", pattern=NO_CONTROLS, max_length=256, description="The key that code names.")
]


AfterPlace = Annotated[
    int, QueryParameter(name="after", ge=0, le=10_000_000, description="The `next` of the page before.")
]


class ReferenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """One place in the code that names a flag."""

    flag: Annotated[str, Meta(description="The key.")]
    file: Annotated[str, Meta(description="The path within the repository.")]
    line: Annotated[int, Meta(description="Counted from 1.")]
    owner: Annotated[str | None, Meta(description="Whose file it is, as CODEOWNERS says.")] = None


class ReportBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All that a scan of a repository found."""

    revision: Annotated[str, Meta(description="The commit that was scanned; empty if it is not known.")] = ""
    scanned_at: Annotated[datetime, Meta(tz=True, description="When. A report of an earlier scan is not kept.")]
    references: Annotated[tuple[ReferenceBody, ...], Meta(max_length=MOST_REFERENCES)]


class ReceivedResource(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a report."""

    kept: Annotated[bool, Meta(description="False: a later scan of the repository was reported before.")]
    unknown: Annotated[
        tuple[ReferenceBody, ...], Meta(description="The first reference to each flag that the project has not.")
    ]
    archived: Annotated[tuple[ReferenceBody, ...], Meta(description="The first reference to each archived flag.")]


class ScanResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The newest report of a repository."""

    repository: str
    revision: str
    scanned_at: datetime
    references: Annotated[int, Meta(description="How many there are.")]
    flags: Annotated[int, Meta(description="To how many flags.")]


class LocatedResource(msgspec.Struct, frozen=True, kw_only=True):
    """A place that names a flag."""

    repository: str
    file: str
    line: int
    owner: str | None


def code_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @replaces(_REPORT, ReceivedResource, permission="code.report", max_bytes=MOST_REPORTED_BYTES, example=_EXAMPLE)
    def report_code(project: Key, item_key: ItemKey, data: JSONBody[ReportBody]) -> Response[Any]:
        """Report what a scan of a repository found, in the place of all that was reported of it before."""
        report = Report(
            repository=item_key,
            revision=data.revision,
            scanned_at=data.scanned_at,
            references=[Reference(each.flag, each.file, each.line, each.owner) for each in data.references],
        )
        received = services.code.take_report(project, report)
        return Response(
            ReceivedResource(
                kept=received.kept,
                unknown=tuple(map(_reference, received.unknown)),
                archived=tuple(map(_reference, received.archived)),
            )
        )

    @reads(_SCANS, ListOf[ScanResource])
    def list_scans(project: Key) -> Response[Any]:
        """List which repositories were scanned when."""
        return list_answer((msgspec.json.encode(_scan(each)) for each in services.code.scans(project)), None)

    @deletes(_REPORT, permission="code.report")
    def forget_code(project: Key, item_key: ItemKey) -> Response[Any]:
        """Forget what was reported of a repository that is no more."""
        services.code.forget(project, item_key)
        return Response(None, status_code=204)

    @reads(_USES, ListOf[LocatedResource])
    def list_references(project: Key, flag: OfFlag, after: AfterPlace = 0, limit: Limit = 100) -> Response[Any]:
        """List the places in code that name a flag, by repository, file and line."""
        page = services.code.references(project, flag, after=after, limit=limit)
        return list_answer((msgspec.json.encode(_located(each)) for each in page.items), page.next)

    return [report_code, list_scans, forget_code, list_references]


def _reference(reference: Reference) -> ReferenceBody:
    return ReferenceBody(flag=reference.flag, file=reference.file, line=reference.line, owner=reference.owner)


def _located(located: Located) -> LocatedResource:
    found = located.reference
    return LocatedResource(repository=located.repository, file=found.file, line=found.line, owner=found.owner)


def _scan(scan: Scan) -> ScanResource:
    return ScanResource(**msgspec.structs.asdict(scan))
