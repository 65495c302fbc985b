"""The settings of a server: every one with its help, read from options, `PENNON_*` variables and a TOML file.

The one place of the control plane that knows the environment and the settings file. Whoever needs a setting is
given it.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from pennon.model.limits import Limits

PREFIX = "PENNON_"
_NO_DEFAULT: Mapping[str, Any] = {}
_SECRET = frozenset({"database_url", "bus_url"})
"""The settings that may hold a password."""


class BadSettings(ValueError):
    """Settings that cannot be used. The text names each one, what is wrong and what to write instead."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is told from outside. The description of each field is its help text."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address to listen on. The default is reachable from this machine only; put a proxy that "
            "speaks TLS in front before you open it.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
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
            "itself where it is PostgreSQL, and not at all with SQLite; or redis://host:port/0, nats://host:port, "
            "postgresql://user@host/database. Without it, each looks every second.",
        ),
    ] = "auto"
    public_url: Annotated[
        str | None,
        Meta(
            pattern=r"^https?://[^\s/?#]+[^\s?#]*$",
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
        return self.database_url or f"sqlite:///{self.data_folder.absolute() / 'pennon.db'}"

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
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name not in _SECRET}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class Setting(msgspec.Struct, frozen=True):
    """One setting as people meet it: its names, its type, its default and its help."""

    name: str
    type: Any
    default: Any
    help: str

    @property
    def variable(self) -> str:
        """The environment variable, as in `PENNON_LOG_LEVEL`."""
        return PREFIX + self.name.upper()

    @property
    def option(self) -> str:
        """The option of `pennon serve`, as in `--log-level`."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have, if they are few; else nothing."""
        return get_args(self.type) if getattr(self.type, "__origin__", None) is Literal else ()

    def parse(self, value: object) -> Any:
        """Return *value*, as text or as TOML has it, as the setting's type. Raises `ValueError` with the mend."""
        annotation = get_type_hints(Settings, include_extras=True)[self.name]
        try:
            return msgspec.convert(value, annotation, strict=not isinstance(value, str))
        except msgspec.ValidationError as error:
            shown = "the value" if self.name in _SECRET else repr(value)
            raise ValueError(f"{shown} is not allowed: {str(error).lower()}; {self._mend}") from error

    @property
    def _mend(self) -> str:
        if self.choices:
            return f"write one of {', '.join(self.choices)}"
        if self.type is bool:
            return "write true or false"
        if self.type is int:
            return f"write a whole number, as in {self.default}"
        return f"write text, as in {self.default}" if self.default else "write a URL"


def described() -> tuple[Setting, ...]:
    """Return every setting, in the order in which people should read them."""
    return tuple(_described())


def _described() -> Iterator[Setting]:
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        plain, meta = get_args(hints[field.name])[:2]
        yield Setting(field.name, plain, field.default, meta.description)


def load_settings(options: Mapping[str, object], environ: Mapping[str, str], *, file: Path | None = None) -> Settings:
    """Return the settings: an option beats a variable, which beats the TOML *file*, which beats the default.

    Options that are None were not given. Raises `BadSettings`, which names every setting that cannot be used.
    """
    problems: list[str] = []
    read = _read_file(file, problems) if file else _NO_DEFAULT
    found: dict[str, Any] = {}
    for setting in described():
        given = (
            (setting.option, options.get(setting.name)),
            (setting.variable, environ.get(setting.variable) or None),
            (f"{setting.name} in {file}", read.get(setting.name)),
        )
        where, value = next(((where, value) for where, value in given if value is not None), ("", None))
        if value is None:
            continue
        try:
            found[setting.name] = setting.parse(value)
        except ValueError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise BadSettings(problems)
    return Settings(**found)


def _read_file(file: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"--config {file}: {error.strerror}; name a file that can be read")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"--config {file}: {error}; write TOML, as in: port = 8000")
    else:
        known = [setting.name for setting in described()]
        problems.extend(f"{name} in {file}: {_unknown(name, known)}" for name in read if name not in known)
        return read
    return _NO_DEFAULT


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "pennon serve --help lists all"
    return f"there is no such setting; {hint}"
