"""The settings of a server: every one with its default and its help. `pennon.cli.settings` reads them."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from pennon.events import SampledRequests
from pennon.model.limits import Limits

DATABASE = "pennon.db"
"""The file of the database in the data folder, where no other one is named."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is told from outside. The description of each field is its help text."""

    PREFIX: ClassVar[str] = "PENNON_"
    COMMAND: ClassVar[str] = "pennon serve"
    SECRET: ClassVar[frozenset[str]] = frozenset({"database_url", "bus_url", "secret_key", "oidc_client_secret"})

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address to listen on. The default is reachable from this machine only; put a proxy that "
            "speaks TLS in front before you open it.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Processes that serve, on one address. More than one: SIGHUP renews them one after the other, "
            "and one that dies is replaced.",
        ),
    ] = 1
    data: Annotated[
        str, Meta(min_length=1, description="Folder for the database and for what SDKs report. Made if missing.")
    ] = "pennon-data"
    database_url: Annotated[
        str | None,
        Meta(
            description="SQLAlchemy URL of the database, as in postgresql+psycopg://user@host/pennon. "
            "Left out: SQLite, in the data folder."
        ),
    ] = None
    bus_url: Annotated[
        str,
        Meta(
            pattern=r"^(auto|memory|(postgresql(\+psycopg)?|rediss?|unix|nats|tls)://\S+)$(?!\n)",
            description="How servers with one database tell each other of changes at once. auto: by the database "
            "itself where it is PostgreSQL, with SQLite only among the workers of one server; or redis://host:port/0, "
            "nats://host:port, postgresql://user@host/database. Without it, each looks every second.",
        ),
    ] = "auto"
    secret_key: Annotated[
        Annotated[str, Meta(min_length=32)] | None,
        Meta(
            description="What signing keys, secrets of webhooks and sampled contexts are sealed by in the database, 32 "
            "characters or more, the same for all servers of one database. Left out: a file in the data folder, made "
            "when it is first needed.",
        ),
    ] = None
    admin_account: Annotated[
        str | None,
        Meta(
            description="Account that the first start makes, an administrator's, with the password in "
            "admin_password_file. Later starts look at neither."
        ),
    ] = None
    admin_password_file: Annotated[
        str | None, Meta(description="File with the password of admin_account, on its first line.")
    ] = None
    oidc_issuer: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")] | None,
        Meta(
            description="The OpenID Connect provider that people sign in by, as it names itself in "
            "/.well-known/openid-configuration below this URL. Takes oidc_client_id and public_url too."
        ),
    ] = None
    oidc_client_id: Annotated[str | None, Meta(description="What the provider calls this server.")] = None
    oidc_client_secret: Annotated[
        str | None,
        Meta(
            description="What this server proves to the provider who it is by. Left out: a public client, with PKCE "
            "alone. Set the variable rather than the option, which other users of the machine can read."
        ),
    ] = None
    oidc_name: Annotated[
        str, Meta(min_length=1, max_length=80, description="What people call the provider, on the sign-in page.")
    ] = "single sign-on"
    oidc_scopes: Annotated[
        tuple[str, ...],
        Meta(description="What the provider is asked for, several with commas. Left out: openid, email and profile."),
    ] = ()
    oidc_account_claim: Annotated[
        str,
        Meta(
            min_length=1,
            description="Claim that a new account's key is made from, as in preferred_username or email. Who somebody "
            "is always is the issuer and sub.",
        ),
    ] = "sub"
    oidc_email_domains: Annotated[
        tuple[str, ...],
        Meta(
            description="Domains whose verified e-mail addresses are let in, several with commas. Left out: everybody "
            "whom the provider lets in."
        ),
    ] = ()
    oidc_groups_claim: Annotated[
        str, Meta(min_length=1, description="Claim that lists a person's groups, for oidc_grants.")
    ] = "groups"
    oidc_grants: Annotated[
        tuple[str, ...],
        Meta(
            description="Roles that groups give, anew at each sign-in, as in admins=administrator or "
            "web=developer@shop/staging; * is everybody. Several with commas, or as a list in the TOML file."
        ),
    ] = ()
    oidc_only: Annotated[
        bool,
        Meta(
            description="Take passwords of accounts that are marked for emergencies only: everybody else comes by the "
            "provider."
        ),
    ] = False
    sample_contexts: Annotated[
        bool,
        Meta(
            description="Keep the sample of contexts that SDKs send where they are told to, sealed, for seven days, to "
            "count whom a change would move. Off: none is taken, and what there is is deleted."
        ),
    ] = True
    sample_requests: Annotated[
        SampledRequests,
        Meta(
            description="Whose contexts this server samples when it evaluates flags for them (OFREP, bootstrap). "
            "server-keys: of who comes with a server key, or a signed targeting key. all-keys: of who comes with any "
            "client key too, as browsers do; whoever has the key could make contexts up."
        ),
    ] = "none"
    private_attributes: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            description="Attributes that the sample of this server never holds: names, or JSON pointers as in "
            "/account/owner. Several with commas."
        ),
    ] = ()
    max_streams: Annotated[
        int,
        Meta(
            ge=0,
            description="Most streams that a process holds; who comes then is told to come back later. 0: as many as "
            "the limit on open files leaves room for.",
        ),
    ] = 0
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
    max_requests: Annotated[
        int,
        Meta(
            ge=1,
            le=200,
            description="Most requests to the admin API that a process works on at once, beside those that turn a flag "
            "off or sign in, which have places of their own. A few more wait for a second; others get 503.",
        ),
    ] = 8
    max_imports: Annotated[
        int,
        Meta(ge=1, le=200, description="Most imports, and other bodies over 64 KiB, that are worked on at once."),
    ] = 2
    max_request_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Requests a second that each token or session may send to the admin API of a process, in the "
            "long run; who comes without a good one is counted by his address. More get 429. 0: no limit.",
        ),
    ] = 50
    max_request_burst: Annotated[
        int, Meta(ge=1, le=1_000_000, description="How many of those it may send at once, after a pause.")
    ] = 500
    webhook_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks of your own that webhooks may lead into, as in 10.1.0.0/16, several with commas. "
            "Everything else that is not out in the world is refused. With 127.0.0.0/8 also http:// to this machine."
        ),
    ] = ()
    max_feeds: Annotated[
        int, Meta(ge=1, le=10_000, description="Most feeds of changes that a process has open; ten for one token.")
    ] = 100
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks of the proxies in front, as in 10.0.0.0/8, several with commas. They are believed "
            "about whose request they hand on, nobody else is."
        ),
    ] = ()
    forwarded_header: Annotated[
        Literal["x-forwarded-for", "forwarded"],
        Meta(description="The header in which trusted proxies say whose request it is. The other is not looked at."),
    ] = "x-forwarded-for"
    public_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")] | None,
        Meta(
            description="URL under which browsers and SDKs reach this server, where a proxy changes it.",
        ),
    ] = None
    drain_timeout_s: Annotated[
        int,
        Meta(ge=1, le=3600, description="Seconds that open requests and streams get to end when the server stops."),
    ] = 10
    metrics_open: Annotated[
        bool, Meta(description="Answer /metrics without a token. Only where the network keeps strangers out.")
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
            description="Send OpenTelemetry traces of what the admin API does, where the OTEL_* variables say. Takes "
            "the extra `tracing`."
        ),
    ] = False
    max_flag_bytes: Annotated[int, Meta(ge=1024, description="Largest flag, as JSON.")] = 256 * 1024
    max_segment_bytes: Annotated[int, Meta(ge=1024, description="Largest segment, as JSON.")] = 8 * 1024 * 1024
    max_value_bytes: Annotated[int, Meta(ge=64, description="Largest value of a variation, as JSON.")] = 64 * 1024
    max_rules: Annotated[int, Meta(ge=1, description="Most rules in a flag or segment.")] = 100
    max_conditions: Annotated[int, Meta(ge=1, description="Most conditions in a rule.")] = 100
    max_context_bytes: Annotated[int, Meta(ge=64, description="Largest context, as JSON.")] = 64 * 1024
    max_context_depth: Annotated[int, Meta(ge=1, le=64, description="Deepest nesting of a context.")] = 16
    max_event_batch_bytes: Annotated[
        int, Meta(ge=1024, description="Largest batch of events that an SDK may send.")
    ] = 1024 * 1024

    @property
    def data_folder(self) -> Path:
        """The data folder as a path."""
        return Path(self.data)

    @property
    def database(self) -> str:
        """The URL of the database: the one given, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_folder.absolute() / DATABASE}"

    @property
    def bus(self) -> str | None:
        """The address of the bus; None where it is in this process only."""
        if self.bus_url == "auto":
            return self.database if self.database.startswith("postgresql") else None
        return None if self.bus_url == "memory" else self.bus_url

    @property
    def limits(self) -> Limits:
        """How large and how deep things may be."""
        return Limits(
            flag_bytes=self.max_flag_bytes,
            segment_bytes=self.max_segment_bytes,
            value_bytes=self.max_value_bytes,
            rules=self.max_rules,
            conditions=self.max_conditions,
            depth=self.max_context_depth,
            context_bytes=self.max_context_bytes,
            event_batch_bytes=self.max_event_batch_bytes,
        )

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name not in self.SECRET}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
