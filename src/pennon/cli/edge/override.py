"""`pennon edge override`: the last resort, for who has a shell on an edge node and nothing else that is alive."""

import getpass
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pennon.cli import options, output
from pennon.cli.connection import NO, UNREACHABLE, WRONG_USE, fail
from pennon.edge.config import Settings
from pennon.edge.known import KnownEnvironments
from pennon.edge.override_file import IN_FORCE, InForce, OverrideFile, OverridesUnreadable, Seen
from pennon.edge.overrides import OFF, Override

Change = Callable[[tuple[Override, ...]], tuple[Override, ...]]
_ANSWER_S = 5.0
_ALIVE_S = 10.0


def override(
    key: Annotated[str, typer.Argument(help="The flag's key.")] = "",
    state: Annotated[str, typer.Argument(help="off: everybody gets what the flag serves when it is off.")] = "",
    variation: Annotated[
        str | None, typer.Option("--variation", help="Everybody gets this variation.", show_default=False)
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--env",
            "-e",
            help="The environment, as project/environment, or its last part. Needed where the node serves several.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="End the override.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show the overrides of this node.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Only --remove ends it, whatever the control plane says when it is back.")
    ] = False,
    why: Annotated[str, typer.Option("--why", "-w", help="Why; shown with the override.")] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help=f"The node's data folder. Default: PENNON_EDGE_DATA, else {Settings().data}.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Turn a flag off on this edge node, or fix what it serves, while the control plane is dead.

    It works through the node's data folder: nothing upstream, no key and no token is needed, and a node that is not
    running takes it when it starts. Run it on the node, as a user who may write the folder.
    """
    folder = data or Path(os.environ.get("PENNON_EDGE_DATA") or Settings().data)
    node = _Node(folder, json=json)
    if listed:
        return node.show()
    if not key:
        fail("Which flag?", mend="pennon edge override KEY off, or --list", status=WRONG_USE)
    place = node.environment(environment)
    if remove:
        return node.remove(place, key)
    if (state != OFF) == (variation is None) or state not in ("", OFF):
        fail(
            "What is it to serve?",
            mend=f"pennon edge override {key} off, or --variation VARIATION, or --remove",
            status=WRONG_USE,
        )
    wanted = Override(environment=place, flag=key, variation=variation, at=time.time(), by=_who(), why=why, keep=keep)
    return node.override(wanted)


class _Node:
    """The node whose data is in *folder*, as it can be asked and told through that."""

    def __init__(self, folder: Path, *, json: bool) -> None:
        self._folder = folder
        self._json = json
        if not folder.is_dir():
            fail(f"No edge node has its data in {folder}", mend="name the folder: --data FOLDER", status=WRONG_USE)
        self._file = OverrideFile(folder)

    def environment(self, named: str | None) -> str:
        """Return the environment that is meant: the only one, or the one *named*, which may be by its last part."""
        seen = self._file.seen()
        listed = KnownEnvironments(self._folder).load() or ()
        known: list[str] = sorted({*(seen.ages if seen else ()), *(each.key for each in listed)})
        if named is not None and ("/" in named or not known):
            return named
        fitting = known if named is None else [name for name in known if name.rpartition("/")[2] == named]
        if len(fitting) != 1:
            mend = f"name one with --env: {', '.join(known)}" if known else "name it: --env project/environment"
            fail("Which environment?", mend=mend, status=WRONG_USE)
        return fitting[0]

    def show(self) -> None:
        """Show what is in force, and what was ended of itself."""
        overrides, digest = self._read()
        seen = self._file.seen()
        is_taken = seen is not None and seen.of == digest and _is_alive(seen.pid)
        standing = {each.override: each for each in seen.overrides} if seen is not None and is_taken else {}
        ended = seen.dropped if seen is not None else ()
        if self._json:
            stands = [standing.get(each, InForce(override=each, state="not taken")) for each in overrides]
            return output.as_json({"overrides": stands, "dropped": ended, "taken": is_taken})
        rows = [_row(each, standing.get(each)) for each in overrides]
        columns = ("flag", "serves", "environment", "since", "by", "state", "why")
        output.table(columns, rows, empty="No flag is overridden on this node.")
        for dropped in ended:
            output.note(f"{_ago(dropped.at)}: {dropped.override.flag} is no longer overridden: {dropped.because}")
        return None

    def override(self, wanted: Override) -> None:
        """Have *wanted* in place of what was said of its flag before."""
        place = (wanted.environment, wanted.flag)
        before = self._read()[0]
        digest = self._edit(lambda known: (*(each for each in known if _place(each) != place), wanted))
        seen = self._answer(digest)
        stands = None if seen is None else next((each for each in seen.overrides if each.override == wanted), None)
        if stands is not None and stands.state != IN_FORCE:
            self._edit(lambda known: _put_back(known, before, place))
            fail(f"{wanted.flag} cannot be overridden in {wanted.environment}: {stands.state}", status=NO)
        if seen is not None and stands is None and (over := _why_over(seen, wanted)):
            self._say(seen, f"{wanted.flag} needs no override: {over}")
            return
        serves = "off" if wanted.variation is None else f"serving {wanted.variation} to everybody"
        self._tell(seen, wanted, f"{wanted.flag} is {serves} in {wanted.environment}")

    def remove(self, environment: str, flag: str) -> None:
        """End the override of *flag*."""
        place = (environment, flag)
        if all(_place(each) != place for each in self._read()[0]):
            fail(f"{flag} is not overridden in {environment}", mend="see: pennon edge override --list", status=NO)
        seen = self._answer(self._edit(lambda known: tuple(each for each in known if _place(each) != place)))
        self._tell(seen, None, f"{flag} serves again in {environment} what the control plane said")

    def _tell(self, seen: Seen | None, wanted: Override | None, sentence: str) -> None:
        if seen is None:
            fail(
                f"It is written down, but the node did not take it within {_ANSWER_S:.0f} s",
                mend="if it is not running, it will when it starts; else see its log, and --data",
                status=UNREACHABLE,
            )
        self._say(seen, sentence)
        age = seen.ages.get(wanted.environment) if wanted is not None else None
        if age is not None and age < _ALIVE_S:
            output.note("The control plane can be reached from this node. What is changed there holds for all nodes.")

    def _say(self, seen: Seen, sentence: str) -> None:
        if self._json:
            output.as_json({"node": seen.node, "overrides": seen.overrides, "dropped": seen.dropped})
        else:
            output.done(f"{sentence} on {seen.node}")

    def _answer(self, digest: str) -> Seen | None:
        """Wait until the node has taken the file with this digest, or a later one; None if it does not."""
        asked, until = time.time(), time.monotonic() + _ANSWER_S
        while time.monotonic() < until:
            seen = self._file.seen()
            if seen is not None and (seen.of == digest or seen.at > asked):
                return seen
            time.sleep(0.05)
        return None

    def _read(self) -> tuple[tuple[Override, ...], str]:
        try:
            return self._file.read()
        except OverridesUnreadable as error:
            _unreadable(error)

    def _edit(self, change: Change) -> str:
        try:
            return self._file.edit(change)
        except OverridesUnreadable as error:
            _unreadable(error)
        except OSError as error:
            fail(f"{self._folder} cannot be written: {error.strerror}", mend="run it as the user that the node runs as")


def _unreadable(error: OverridesUnreadable) -> NoReturn:
    fail(str(error), mend="move the file away; what is in force stays so until the node is restarted")


def _place(each: Override) -> tuple[str, str]:
    return each.environment, each.flag


def _put_back(
    known: tuple[Override, ...], before: tuple[Override, ...], place: tuple[str, str]
) -> tuple[Override, ...]:
    return (
        *(each for each in known if _place(each) != place),
        *(each for each in before if _place(each) == place),
    )


def _why_over(seen: Seen, wanted: Override) -> str:
    return next((each.because for each in seen.dropped if each.override.changes == wanted.changes), "")


def _row(each: Override, stands: InForce | None) -> tuple[object, ...]:
    state = "not taken: the node is not running" if stands is None else stands.state
    if stands is not None and stands.differs:
        state += ", differs from the origin"
    if each.keep:
        state += ", kept"
    return each.flag, each.serves, each.environment, _ago(each.at), each.by or None, state, each.why or None


def _ago(at: float) -> str:
    seconds = max(0, round(time.time() - at))
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"


def _is_alive(pid: int) -> bool:
    """Whether the process that took the file still runs. One that cannot be asked, as another user's, does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _who() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return str(os.getuid())
