"""`pennon edge status`: where every node stands, who is late, how long changes take; or what one node says itself."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from pennon.cli import options, output
from pennon.cli.connection import NO, WRONG_USE, Login, Server, fail, known_login, path, scope

LEVELS = ("streaming", "polling", "last known", "defaults")
_STYLES: Mapping[str, str] = {
    "current": "green",
    "behind": "",
    "lagging": "bold yellow",
    "differing": "bold red",
    "silent": "bold red",
}
_LATE = frozenset({"lagging", "differing", "silent"})
_LAST_KNOWN = 2
_WATCH_S = 2.0


def status(
    project: options.Project = None,
    environment: Annotated[
        str | None,
        typer.Option("--env", "-e", help="Only this environment. Default: all of the project.", show_default=False),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")] = False,
    node: Annotated[
        str | None,
        typer.Option("--node", help="Ask the edge node at this URL how it stands itself.", show_default=False),
    ] = None,
    key: Annotated[
        str, typer.Option("--key", help="With --node: the node's edge key.", envvar="PENNON_EDGE_KEY", show_envvar=True)
    ] = "",
    json: options.Json = False,
) -> None:
    """Show which node has applied which revision, and who is late.

    The exit status is 1 where a node lags by over 5 s, differs from the origin for over 10 s, or is silent; with
    --node, where it is cut off from its upstreams or not ready.
    """
    asked = _Itself(node, key) if node is not None else _Tree(project, environment)
    ended = _once(asked, json=json, clear=False)
    try:
        while watch and ended != WRONG_USE:
            time.sleep(_WATCH_S)
            ended = _once(asked, json=json, clear=not json)
    except KeyboardInterrupt:
        pass
    raise typer.Exit(ended)


def _once(asked: "_Tree | _Itself", *, json: bool, clear: bool) -> int:
    """Show it once and return the exit status. Who watches goes on where the server is away for a while."""
    try:
        return 0 if asked.show(json=json, clear=clear) else NO
    except typer.Exit as ended:
        return ended.exit_code


class _Tree:
    """The tree below the origin, as its nodes report it there."""

    def __init__(self, project: str | None, environment: str | None) -> None:
        self._login = known_login()
        self._project = project
        self._environment = environment

    def show(self, *, json: bool, clear: bool) -> bool:
        """Show it, and return whether all is well."""
        with Server(self._login) as server:
            in_project = scope(self._login, self._project, whole=True)
            if self._environment is not None:
                names = [self._environment]
            else:
                names = [each["key"] for each in server.pages(f"{in_project}/environments")]
            found = [server.read(f"{in_project}/{path('environments', name)}/propagation") for name in names]
        _clear(clear)
        if json:
            output.as_json(found[0] if self._environment is not None else found)
        else:
            for each in found:
                _show_environment(each)
        return not any(each["lagging"] or each["differing"] or each["silent"] for each in found)


class _Itself:
    """One node, as it says it itself."""

    def __init__(self, url: str, key: str) -> None:
        if not key:
            fail("A node says this to its own edge key only", mend="set PENNON_EDGE_KEY, or --key", status=WRONG_USE)
        self._login = Login(url=url.rstrip("/"), token=key)

    def show(self, *, json: bool, clear: bool) -> bool:
        """Show it, and return whether all is well."""
        mend = "see whether it runs, and where it listens: pennon edge run --host, --port"
        with Server(self._login, prefix="", mend=mend) as server:
            found = server.read("edge/v1/status")
        _clear(clear)
        if json:
            output.as_json(found)
        else:
            _show_node(found)
        return bool(found["ready"]) and found["level"] < _LAST_KNOWN


def _clear(wanted: bool) -> None:  # it is a command's own flag
    if wanted:
        Console().clear()


def _show_environment(found: Mapping[str, Any]) -> None:
    output.say(f"{found['environment']} is at {found['revision']}, committed {_since(found['committedAt'])}.")
    head = found["revision"]
    rows = [_row(node, head) for node in found["nodes"] if not node["origin"]]
    output.table(
        ("node", "state", "level", "revision", "behind", "age", "SDKs", "overrides", "by way of"),
        rows,
        empty="No edge node reports. Start one: pennon edge run --upstream URL",
    )
    for sentence in _sentences(found):
        output.say(sentence)
    output.say("")


def _row(node: Mapping[str, Any], head: str) -> tuple[object, ...]:
    state = node["state"]
    return (
        node["node"],
        Text(state, style=_STYLES.get(state, "")),
        None if node["level"] is None else LEVELS[node["level"]],
        node["revision"],
        _behind(node, head),
        None if node["ageSeconds"] is None else _seconds(node["ageSeconds"]),
        sum(node["sdks"].values()),
        ", ".join(node["overrides"]) or None,
        " ← ".join(node["path"]) or None,
    )


def _behind(node: Mapping[str, Any], head: str) -> object:
    if node["revision"] == head:
        return None if node["state"] == "current" else _seconds(node["lagSeconds"])
    (epoch, revision), (own_epoch, own) = head.split("."), node["revision"].split(".")
    if epoch != own_epoch:
        return f"another epoch, {_seconds(node['differsSeconds'])}"
    missing = int(revision) - int(own)
    if missing < 0:
        return f"{-missing} ahead"
    return f"{missing} change{'s' if missing > 1 else ''}, {_seconds(node['lagSeconds'])}"


def _sentences(found: Mapping[str, Any]) -> Iterable[str]:
    by_name = {node["node"]: node for node in found["nodes"]}
    for name in found["silent"]:
        silent = _seconds(by_name[name]["silentSeconds"])
        yield f"✗ {name} has said nothing for {silent}: see whether it runs, and its network."
    for name in found["differing"]:
        if name not in found["silent"]:
            node, head = by_name[name], found["revision"]
            is_other = node["revision"] == head
            what = f"has not what the origin has at {head}" if is_other else f"has not been at {head}"
            yield f"✗ {name} {what}, for {_seconds(node['differsSeconds'])}: see its log; restart it if it stays."
    for name in found["lagging"]:
        if name not in (*found["silent"], *found["differing"]):
            yield f"✗ {name} lags by {_seconds(by_name[name]['lagSeconds'])}: see its upstream."
    for name in found["overridden"]:
        yield f"! {name} overrides {', '.join(by_name[name]['overrides'])}; see there: pennon edge override --list"
    arrivals = found["arrivals"]
    if arrivals["count"]:
        yield (
            f"The last {len(found['changes'])} changes arrived within {_seconds(arrivals['p50'])} (half of them), "
            f"{_seconds(arrivals['p99'])} (99 %), {_seconds(arrivals['max'])} (all)."
        )
    if found["sdks"]:
        yield "SDKs: " + ", ".join(f"{count} at {revision}" for revision, count in list(found["sdks"].items())[:5])


def _show_node(found: Mapping[str, Any]) -> None:
    ready = "ready" if found["ready"] else "not ready"
    output.say(f"{found['name']} ({found['version']}) is {ready}, {LEVELS[found['level']]}.")
    rows = [
        (
            each["environment"],
            LEVELS[each["level"]],
            each.get("revision") or None,
            None if each.get("ageS") is None else _seconds(each["ageS"]),
            each.get("streams", 0),
            " ← ".join(each.get("path", ())) or None,
            each.get("problem") or None,
        )
        for each in found["environments"]
    ]
    columns = ("environment", "level", "revision", "age", "streams", "by way of", "problem")
    output.table(columns, rows, empty="It serves no environment yet.")
    for upstream in found["upstreams"]:
        if upstream["circuit"] != "closed":
            output.say(f"✗ {upstream['url']} is not asked for now: its circuit is {upstream['circuit']}.")
    for each in found.get("overrides", ()):
        said = each["override"]
        differs = ", which the origin does not say" if each.get("differs") else ""
        serves = f"variation {said['variation']}" if said.get("variation") else "off"
        output.say(f"! {said['flag']} is overridden in {said['environment']}: {serves} ({each['state']}{differs})")
    for problem in found.get("problems", ()):
        output.say(f"✗ {problem}")


def _since(moment: str) -> str:
    then = datetime.fromisoformat(moment)
    seconds = max(0.0, time.time() - then.timestamp())
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if seconds >= 3600 else f"{_seconds(seconds)} ago"


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"
