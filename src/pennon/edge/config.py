"""The settings of an edge node: every one with its default and its help. `pennon.cli.settings` reads them."""

import re
import secrets
import socket
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from pennon.edge.sizes import SIZE
from pennon.events import SampledRequests
from pennon.protocol import heads

_URL = r"^https?://[^\s/?#]+[^\s?#]*$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_HOST_CHARACTERS = 40


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an edge node is told from outside. The description of each field is its help text."""

    PREFIX: ClassVar[str] = "PENNON_EDGE_"
    COMMAND: ClassVar[str] = "pennon edge run"
    SECRET: ClassVar[frozenset[str]] = frozenset({"key", "kv", "publish_token"})

    upstream: Annotated[
        tuple[Annotated[str, Meta(pattern=_URL)], ...],
        Meta(
            description="URL of the server or edge node to follow. Several, in order of preference: give it several "
            "times, or with commas."
        ),
    ] = ()
    key: Annotated[
        str,
        Meta(
            description="The edge key, which decides the environments that are served. Set the variable rather than "
            "the option, which other users of the machine can read."
        ),
    ] = ""
    name: Annotated[
        Annotated[str, Meta(pattern=_NAME)] | None,
        Meta(
            description="Name of this node, unlike that of every other. "
            "Left out: the host's, with an id that is kept in the data folder.",
        ),
    ] = None
    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address to listen on. The default is reachable from this machine only; put a proxy that "
            "speaks TLS in front before you open it.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Processes that serve, on one address. The first is the node; the others follow it, as nodes "
            "of their own. SIGHUP renews them one after the other, and one that dies is replaced.",
        ),
    ] = 1
    data: Annotated[
        str, Meta(min_length=1, description="Folder for what is known, and for events on their way. Made if missing.")
    ] = "pennon-edge-data"
    kv: Annotated[
        str | None,
        Meta(
            description="Where environments are kept, so that the node starts while its upstreams are dead, as in "
            "redis://host:6379/0 or nats://host:4222/bucket, which nodes may share. Left out: files in the data folder."
        ),
    ] = None
    defaults: Annotated[
        str | None,
        Meta(
            description="File with flags to serve where nothing else is known: a snapshot, as edge keys get it, or "
            "what Client(file=…) takes."
        ),
    ] = None
    key_ttl: Annotated[
        int,
        Meta(
            ge=1,
            description="Seconds for which a node that is cut off goes on to admit by the keys that it knows. Streams "
            "that are open then stay open.",
        ),
    ] = 24 * 60 * 60
    trusted_keys: Annotated[
        tuple[str, ...],
        Meta(
            description="Public keys of the control plane, as `pennon key signing list` shows them: what they did not "
            "sign is reported. Several with commas."
        ),
    ] = ()
    strict_signatures: Annotated[
        bool, Meta(description="Take nothing from upstreams or from the store that the trusted keys did not sign.")
    ] = False
    max_head_age: Annotated[
        int,
        Meta(
            ge=0,
            description="Seconds for which a signature proves that a state is current, where signatures are strict. "
            "0: without end.",
        ),
    ] = 0
    public_url: Annotated[
        Annotated[str, Meta(pattern=_URL)] | None,
        Meta(description="URL under which browsers reach this node, where a proxy changes it."),
    ] = None
    max_snapshots: Annotated[
        int,
        Meta(
            ge=1,
            description="Most whole snapshots that a process sends at a time. Who comes then is told when to come "
            "back; small changes always pass.",
        ),
    ] = 1000
    max_snapshots_mib: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Most mebibytes that those snapshots have together.")
    ] = 256
    max_retry_after_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3600,
            description="The middle of the longest times, in seconds, after which who is refused a snapshot is told to "
            "come back.",
        ),
    ] = 60
    events_mib: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Mebibytes of disk that events on their way up may take, for each environment. Beyond, SDKs "
            "are told to keep theirs.",
        ),
    ] = 256
    sample_requests: Annotated[
        SampledRequests,
        Meta(
            description="Whose contexts this node samples when it evaluates flags for them (OFREP, bootstrap), and "
            "hands up. server-keys: of who comes with a server key, or a signed targeting key. all-keys: of who comes "
            "with any client key too, as browsers do; whoever has the key could make contexts up."
        ),
    ] = "none"
    private_attributes: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            description="Attributes that this sample never holds: names, or JSON pointers as in /account/owner. "
            "Several with commas."
        ),
    ] = ()
    publish: Annotated[
        str | None,
        Meta(
            description="Where environments are published besides, for Cloudflare's workers that evaluate there: "
            "cloudflare://ACCOUNT_ID/NAMESPACE_ID. One node does it for all. With ?confirm=60 what has not changed is "
            "published again as often."
        ),
    ] = None
    publish_token: Annotated[
        str,
        Meta(
            description="API token of Cloudflare that may edit Workers KV storage. Set the variable rather than the "
            "option, which other users of the machine can read."
        ),
    ] = ""
    memory_limit: Annotated[
        Annotated[str, Meta(pattern=SIZE)] | None,
        Meta(
            description="Memory that the node may take, as in 256MiB: flags that nobody asks for are then kept on "
            "disk, in the data folder, and those asked for lately compiled. Left out: all are kept in memory."
        ),
    ] = None
    drain_timeout_s: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds that open requests and streams get to end when the node stops.")
    ] = 10
    metrics_open: Annotated[
        bool, Meta(description="Answer /metrics without the edge key. Only where the network keeps strangers out.")
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least serious line that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="How lines are logged, on standard error. auto: console on a terminal, else json."),
    ] = "auto"
    traces: Annotated[
        bool,
        Meta(
            description="Send OpenTelemetry traces of what the node asks its upstreams, where the OTEL_* variables "
            "say. Takes the extra `tracing`."
        ),
    ] = False

    @property
    def data_folder(self) -> Path:
        """The data folder as a path."""
        return Path(self.data)

    @property
    def kv_url(self) -> str:
        """The address of the key-value store: the one given, or a folder in the data folder."""
        return self.kv or (self.data_folder.absolute() / "kv").as_uri()

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The upstreams, without a slash at their end, each once."""
        return tuple(dict.fromkeys(url.rstrip("/") for url in self.upstream))

    def problems(self) -> list[str]:
        """Return what keeps a node with these settings from starting, each with the mend."""
        problems = []
        if not self.upstream:
            problems.append("--upstream: name the server or edge node to follow, as in https://flags.example.com")
        if (kind := _kind_of(self.key)) is not None:
            problems.append(f"PENNON_EDGE_KEY: {kind}; make one with: pennon key create edge")
        problems += self._trust_problems()
        if self.defaults is not None and not Path(self.defaults).is_file():
            problems.append(f"--defaults: there is no file {self.defaults}")
        return problems

    def _trust_problems(self) -> list[str]:
        problems = [
            f"--trusted-keys: {key[:80]!r} is not a public key; write it as `pennon key signing list` shows it"
            for key in self.trusted_keys
            if heads.key_bytes(key) is None
        ]
        if self.strict_signatures and not self.trusted_keys:
            problems.append("--strict-signatures: say whose, with --trusted-keys")
        if self.max_head_age and not self.strict_signatures:
            problems.append("--max-head-age: it is for --strict-signatures only")
        return problems

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name not in self.SECRET}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _kind_of(key: str) -> str | None:
    """Return what is wrong with *key*, None if it may be an edge key."""
    if not key:
        return "an edge node needs an edge key"
    if not key.isascii() or not key.isprintable():
        return "a key has printable ASCII characters only: look for a stray line break or quote"
    for kind in ("server", "client", "token"):
        if key.startswith(f"pennon_{kind}_"):
            return f"this is a {'token' if kind == 'token' else f'{kind} key'}, and an edge node needs an edge key"
    return None


def name_in(folder: Path) -> str:
    """Return the name of the node whose data is in *folder*: the host's, with an id that is made once and kept there.

    Raises `OSError`.
    """
    file = folder / "name"
    if file.exists() and re.fullmatch(_NAME, known := file.read_text(encoding="utf-8").strip()):
        return known
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).lstrip("-.")[:_HOST_CHARACTERS] or "edge"
    name = f"{host}-{secrets.token_hex(3)}"
    file.write_text(f"{name}\n", encoding="utf-8")
    return name
