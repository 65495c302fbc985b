"""`pennon flag cleanup`: stale flags with why they may go, what to do about each, and archiving them one by one."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from pennon.cli import options, output
from pennon.cli.connection import Server, known_login, scope

_MOST_PLACES = 5


def cleanup(
    show_list: Annotated[bool, typer.Option("--list", help="Only list them; never ask.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="pastRemoval, fullyRolledOut, oneVariation, noEvaluations or notInCode.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only those of this owner.")] = None,
    project: options.Project = None,
    environment: Annotated[
        str | None,
        typer.Option("--env", "-e", help="What this one tells. Default: what production tells.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Show the flags that may go, with the evidence, and what to do about each. On a terminal, go through them.

    As in: pennon flag cleanup --owner payments
    """
    login = known_login()
    in_project = scope(login, project, whole=True)
    asked = {"reason": reason, "owner": owner, "environment": environment}
    with Server(login) as server:
        found = list(server.pages(f"{in_project}/stale-flags", **asked, limit=500))
        if json:
            return output.as_json(found)
        if show_list or not found or not (sys.stdin.isatty() and sys.stdout.isatty()):
            rows = [(one["flag"], one["owner"] or None, _why(one), advice(one)) for one in found]
            return output.table(("flag", "owner", "why", "what to do"), rows, empty="No flag is stale.")
        _go_through(server, in_project, found)
    return None


def _go_through(server: Server, in_project: str, found: list[dict[str, Any]]) -> None:
    done = 0
    for number, flag in enumerate(found, 1):
        key = flag["flag"]
        output.say(f"\n{number} of {len(found)}: {key}" + (f", of {flag['owner']}" if flag["owner"] else ""))
        for sentence in map(reason_sentence, flag["reasons"]):
            output.say(f"  {sentence}")
        places = server.read(f"{in_project}/flag-references", flag=key, limit=_MOST_PLACES)
        for place in places["items"]:
            output.say(f"  in {place['repository']}: {place['file']}:{place['line']}")
        if places["next"]:
            output.say("  and in more places")
        output.say(f"  → {advice(flag)}")
        answer = typer.prompt("Archive it now? y, n, or q for enough", default="n").strip().lower()
        if answer in ("q", "quit"):
            break
        if answer in ("y", "yes"):
            done += archived(server, in_project, flag)
    output.done(f"{done} archived. They come back: pennon flag restore KEY" if done else "nothing was archived")


def archived(server: Server, in_project: str, flag: Mapping[str, Any]) -> bool:
    """Archive a stale *flag* once more asked, where code still needs it, and return whether it was done."""
    if _is_asked_for(flag):
        output.note("Code still asks for it: once it is archived, it gets the default that stands in the code.")
        if not typer.confirm("Archive it all the same?", default=False):
            return False
    why = "; ".join(map(reason_sentence, flag["reasons"]))
    try:
        server.send("POST", f"{in_project}/archived-flags", {"flag": flag["flag"]}, query={"why": why})
    except typer.Exit:  # what the server said is on the screen, and the others may go all the same
        return False
    output.done(f"{flag['flag']} is archived")
    return True


def advice(flag: Mapping[str, Any]) -> str:
    """Return what to do about a stale *flag*: the command, and what comes first."""
    key = flag["flag"]
    if flag["requiredBy"]:
        return f"take it out of the prerequisites of {', '.join(flag['requiredBy'])} first"
    if not _is_asked_for(flag):
        return f"pennon flag archive {key}"
    if any(each["reason"] == "notInCode" for each in flag["reasons"]):
        return f"find what asks for it, last on {flag['evaluated'][:10]}: no repository that was scanned does"
    if flag["keep"] is not None:
        return f"pennon remove-flag {key} --keep {flag['keep']}"
    return f"pennon remove-flag {key} --keep VARIATION, or give it another date: pennon flag describe {key}"


def reason_sentence(reason: Mapping[str, Any]) -> str:
    """Return in words why a flag is stale."""
    since, where = str(reason["since"])[:10], _listing(reason["environments"] or reason["repositories"])
    if reason["reason"] == "pastRemoval":
        return f"should have been removed by {since}"
    if reason["reason"] == "fullyRolledOut":
        return f"everybody gets {reason['variation']!r} in {where}, unchanged since {since}"
    if reason["reason"] == "oneVariation":
        return f"served nothing but {reason['variation']!r} in {where} since {since}"
    if reason["reason"] == "noEvaluations":
        return f"not evaluated since {since}, as {where} reports"
    if reason["reason"] == "notInCode":
        return f"named nowhere in {where}, scanned on {since} or later"
    return str(reason["reason"])  # of a newer server


def _why(flag: Mapping[str, Any]) -> str:
    return "; ".join(map(reason_sentence, flag["reasons"]))


def _is_asked_for(flag: Mapping[str, Any]) -> bool:
    reasons = {each["reason"] for each in flag["reasons"]}
    return "noEvaluations" not in reasons and (flag["evaluated"] is not None or "notInCode" not in reasons)


def _listing(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
