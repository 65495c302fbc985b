"""`pennon import VENDOR FILE`: shows what would come, how faithfully and what differs, then makes it one change."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import typer

from pennon.cli import connection, output
from pennon.cli.connection import NO, Login, Server, known_login, path, scope
from pennon.cli.imports import shown
from pennon.cli.imports.files import Source
from pennon.cli.previewing import show_warnings
from pennon.importers import Fidelity, Plan, proposal
from pennon.importers.proposal import Action, Proposal, ProposedItem
from pennon.model import Snapshot

_TIMEOUT_S = 900.0
"""For a server to take 10,000 flags: it checks each."""
_ONE_BY_ONE = 50


class Wishes(NamedTuple):
    """What the user allows and wants."""

    strict: bool
    skip_impossible: bool
    force: bool
    dry_run: bool
    yes: bool
    why: str
    json: bool


def run(source: Source, place: tuple[str | None, str | None], wishes: Wishes) -> None:
    """Import *source* into the project and environment of *place*."""
    with output.working(f"Reading {source.file}"):
        plan = source.plan()
    login = known_login()
    if wishes.dry_run and not (place[1] or login.environment):
        found = proposal.propose(plan)
        _show(plan, found, wishes)
        refused = _refusal(plan, found, wishes)
        if wishes.json:
            output.as_json(shown.as_json(plan, found) | {"dryRun": True, "environment": None})
        else:
            output.note("No environment is named, so this is compared with an empty one: add --env production")
        _end(refused)
        return
    with Server(login) as server:
        _Import(source, plan, server, login, place, wishes).run()


class _Import:
    """One import into one environment."""

    def __init__(
        self,
        source: Source,
        plan: Plan,
        server: Server,
        login: Login,
        place: tuple[str | None, str | None],
        wishes: Wishes,
    ) -> None:
        self._source = source
        self._plan = plan
        self._server = server
        self._project = scope(login, place[0], whole=True)
        self._scope = scope(login, *place)
        self._where = f"{place[0] or login.project}/{place[1] or login.environment}"
        self._wishes = wishes

    def run(self) -> None:
        """Show what would be done, refuse what the user does not want, and do it."""
        plan, wishes = self._plan, self._wishes
        with output.working(f"Comparing with {self._where}"):
            present = Snapshot.from_json(msgspec.json.encode(self._server.read(f"{self._scope}/state")))
            found = proposal.propose(plan, present)
            actors = self._actors(found)
        _show(plan, found, wishes)
        touched = proposal.people_since(found, {revision: actor["kind"] for revision, actor in actors.items()})
        refused = _refusal(plan, found, wishes)
        body = {} if found.is_empty or refused else self._body(present, found)
        preview = self._preview(body, found) if body else {}
        refused = refused or _overwriting(touched, actors, self._where, wishes)
        if refused or wishes.dry_run or not body:
            self._tell(found, preview, None)
            _end(refused)
            return
        if found.of(Action.UPDATE) and not (wishes.yes or wishes.json) and _is_asked():
            typer.confirm(f"Change {self._where} so?", abort=True, err=True)
        with output.working(f"Writing {shown.count(len(body['edits']), 'item')} as one change"):
            made = self._sent("imports", body)
        self._tell(found, preview, made)

    def _body(self, present: Snapshot, found: Proposal) -> dict[str, Any]:
        definitions = self._definitions(proposal.redefined(self._plan, present, found))
        return {
            "from": self._plan.vendor,
            "why": self._wishes.why or f"imported from {self._source.name} ({self._plan.dialect})",
            "expected": proposal.expected(found, present),
            "edits": proposal.edits(self._plan, present, found, definitions),
        }

    def _definitions(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        if len(keys) <= _ONE_BY_ONE:
            return {key: self._server.read(f"{self._project}/{path('flags', key)}") for key in keys}
        return {each["key"]: each for each in self._server.pages(f"{self._project}/flags", limit=1000)}

    def _actors(self, found: Proposal) -> Mapping[int, Mapping[str, Any]]:
        """Return who made each revision that the items to be overwritten are of."""
        by_revision = {item.changed_at: item for item in found.of(Action.UPDATE)}
        actors = {}
        for revision, item in by_revision.items():
            # Of one item only: the change may have been an import of all of them.
            query = {item.kind: item.key, "limit": 1}
            changes = self._server.read(f"{self._scope}/changes", **query)["items"]
            if changes:
                actors[revision] = {**changes[0]["actor"], "time": changes[0]["time"]}
        return actors

    def _preview(self, body: Mapping[str, Any], found: Proposal) -> dict[str, Any]:
        """Return what the server says of the import: it is asked where there is a difference to show."""
        if not (self._wishes.dry_run or found.of(Action.UPDATE)):
            return {}
        with output.working("Asking the server what differs"):
            preview = self._sent("imports/preview", body)
        if not self._wishes.json:
            shown.differences(preview, {(item.kind, item.key) for item in found.of(Action.UPDATE)})
        return preview

    def _sent(self, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
        def named(path: str) -> str:
            """Name the flag or segment that the server means: its `/edits/3/…` is nothing that people wrote."""
            _, edits, index, *rest = (*path.split("/"), "", "", "")
            if edits != "edits" or not index.isdecimal():
                return path
            item = _item_of(body["edits"][int(index)])
            return f"{self._source.name}, {self._source.file}, {item}: {'/' + '/'.join(filter(None, rest))}"

        answer: dict[str, Any] = self._server.send(
            "POST", f"{self._scope}/{route}", body, timeout_s=_TIMEOUT_S, named=named
        )
        return answer

    def _tell(self, found: Proposal, preview: Mapping[str, Any], made: Mapping[str, Any] | None) -> None:
        wishes = self._wishes
        if wishes.json:
            differences = [item for item in preview.get("items", ()) if item["change"] == "changed"]
            said = {"dryRun": wishes.dry_run, "environment": self._where, "differences": differences, "made": made}
            output.as_json(shown.as_json(self._plan, found) | said)
            return
        if made is not None:
            output.done(f"{shown.counted(found)} in {self._where}, as one change (revision {made['revision']})")
            again = f"pennon import verify {self._plan.vendor} {self._source.file} --dialect {self._plan.dialect}"
            output.note(f"Take it back: pennon change revert {made['revision']}. Prove it: {again}")
        elif found.is_empty:
            output.done(f"{self._where} is as the file says: nothing is to be changed")
        elif wishes.dry_run:
            output.note("A dry run: nothing was changed.")
        show_warnings(made or preview)


def _item_of(edit: Mapping[str, Any]) -> str:
    if "segment" in edit:
        return f"segment {edit['segment']['key']}"
    return f"flag {edit['flag'] if 'flag' in edit else edit['definition']['key']}"


class _Refused(NamedTuple):
    message: str
    mend: str


def _show(plan: Plan, found: Proposal, wishes: Wishes) -> None:
    if not wishes.json:
        shown.plan(plan, found)


def _refusal(plan: Plan, found: Proposal, wishes: Wishes) -> _Refused | None:
    """Return why the user does not want this plan carried out."""
    left_out = found.of(Action.LEAVE_OUT)
    if wishes.strict and not (plan.is_exact and not left_out):
        count = sum(flag.fidelity is not Fidelity.EXACT for flag in plan.flags)
        said = f"--strict: not exact: {shown.count(count, 'flag')}, so nothing is imported"
        return _Refused(said, "leave --strict out to accept the conditions that are shown")
    if left_out and not wishes.skip_impossible:
        mend = "import the others without: --skip-impossible"
        return _Refused(f"not to be carried: {shown.count(len(left_out), 'flag')}, so nothing is imported", mend)
    return None


def _overwriting(
    touched: Sequence[ProposedItem], actors: Mapping[int, Mapping[str, Any]], where: str, wishes: Wishes
) -> _Refused | None:
    """Name what people changed in Pennon since the import; return the refusal to overwrite it unasked."""
    if not touched:
        return None
    if not wishes.json:
        rows = [
            (f"{item.kind} {item.key}", actors.get(item.changed_at, {}).get("name"), item.changed_at)
            for item in touched
        ]
        output.say("")
        columns = ("not as the last import left it", "changed by", "revision")
        output.table(columns, rows[: shown.MOST], empty="")
        if len(rows) > shown.MOST:
            output.note(f"… and {len(rows) - shown.MOST} more")
        if elsewhere := sum(item.is_elsewhere for item in touched):
            said = f"The kind and the variations of {shown.count(elsewhere, 'flag')} are not those of the file"
            output.note(f"{said}: other environments of the project serve them, and would serve those of the file")
    if wishes.force:
        return None
    said = f"{shown.count(len(touched), 'item')} in {where} would be overwritten unseen, so nothing is imported"
    return _Refused(said, "overwrite them with what the file says: --force")


def _end(refused: _Refused | None) -> None:
    if refused is not None:
        connection.fail(refused.message, mend=refused.mend, status=NO)


def _is_asked() -> bool:
    return sys.stdin.isatty()
