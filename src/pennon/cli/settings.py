"""Settings of what runs for long: read from options, environment variables and a TOML file, and made into options.

What can be set is said by a struct, whose fields' descriptions are their help: `pennon.control.config.Settings`,
`pennon.edge.config.Settings`. Whoever needs a setting is given it; nobody else reads the environment.
"""

import difflib
import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import typer

_NO_DEFAULT: Mapping[str, Any] = {}
_METAVARS: Mapping[object, str] = {int: "NUMBER"}


class BadSettings(ValueError):
    """Settings that cannot be used. The text names each one, what is wrong and what to write instead."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Described(Protocol):
    """A struct of settings: how its variables begin, whose they are, and which of them may hold a password."""

    PREFIX: ClassVar[str]
    COMMAND: ClassVar[str]
    SECRET: ClassVar[frozenset[str]]


S = TypeVar("S", bound=Described)


class Setting(msgspec.Struct, frozen=True):
    """One setting as people meet it: its names, its type, its default and its help."""

    name: str
    type: Any
    default: Any
    help: str
    annotation: Any
    prefix: str
    is_secret: bool

    @property
    def variable(self) -> str:
        """The environment variable, as in `PENNON_LOG_LEVEL`."""
        return self.prefix + self.name.upper()

    @property
    def option(self) -> str:
        """The option of the command, as in `--log-level`."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have, if they are few; else nothing."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def is_list(self) -> bool:
        """Whether it takes several values: an option given several times, a text with commas, a list in TOML."""
        return get_origin(self.type) is tuple

    def parse(self, value: object) -> Any:
        """Return *value*, as text or as TOML has it, as the setting's type. Raises `ValueError` with the mend."""
        if self.is_list and isinstance(value, str):
            value = value.replace(",", " ").split()
        try:
            return msgspec.convert(value, self.annotation, strict=not isinstance(value, str))
        except msgspec.ValidationError as error:
            shown = "the value" if self.is_secret else repr(value)
            raise ValueError(f"{shown} is not allowed: {str(error).lower()}; {self._mend}") from error

    @property
    def _mend(self) -> str:
        if self.choices:
            return f"write one of {', '.join(self.choices)}"
        if self.type is bool:
            return "write true or false"
        if self.type is int:
            return f"write a whole number, as in {self.default}"
        return f"write text, as in {self.default}" if self.default else "write what its help says"


def described(settings: type[Described]) -> tuple[Setting, ...]:
    """Return every setting of *settings*, in the order in which people should read them."""
    return tuple(_described(settings))


def _described(settings: Any) -> Iterator[Setting]:
    hints = get_type_hints(settings, include_extras=True)
    for field in msgspec.structs.fields(settings):
        hint = hints[field.name]
        plain, meta = get_args(hint)[:2]
        is_secret = field.name in settings.SECRET
        yield Setting(field.name, plain, field.default, meta.description, hint, settings.PREFIX, is_secret)


def load_settings(
    settings: type[S], options: Mapping[str, object], environ: Mapping[str, str], *, file: Path | None = None
) -> S:
    """Return the settings: an option beats a variable, which beats the TOML *file*, which beats the default.

    Options that are None were not given. Raises `BadSettings`, which names every setting that cannot be used.
    """
    problems: list[str] = []
    known = described(settings)
    read = _read_file(settings, file, problems) if file else _NO_DEFAULT
    found: dict[str, Any] = {}
    for setting in known:
        given = (
            (setting.option, options.get(setting.name) or None if setting.is_list else options.get(setting.name)),
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
    return settings(**found)


def _read_file(settings: type[Described], file: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"--config {file}: {error.strerror}; name a file that can be read")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"--config {file}: {error}; write TOML, as in: port = 8000")
    else:
        known = [setting.name for setting in described(settings)]
        problems.extend(
            f"{name} in {file}: {_unknown(name, known, settings.COMMAND)}" for name in read if name not in known
        )
        return read
    return _NO_DEFAULT


def _unknown(name: str, known: list[str], command: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"{command} --help lists all"
    return f"there is no such setting; {hint}"


def with_settings(function: Callable[..., None], settings: type[Described]) -> Callable[..., None]:
    """Return *function* with an option for each setting, `--config` and `--json`, where typer looks for them."""
    parameters = (*_FIXED, *(_parameter(setting) for setting in described(settings)))
    made: Any = function
    # Typer reads both of these attributes.
    made.__signature__ = inspect.Signature(list(parameters))
    made.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def _parameter(setting: Setting) -> inspect.Parameter:
    """Return the option of *setting*: text, so that one place reads values and says what is wrong with them."""
    is_switch = setting.type is bool
    choices = f" One of {', '.join(setting.choices)}." if setting.choices else ""
    option = typer.Option(
        f"{setting.option}/--no-{setting.option[2:]}" if is_switch else setting.option,
        help=f"{setting.help}{choices}{_shown_default(setting)} [{setting.variable}]",
        show_default=False,
        metavar=None if is_switch else _METAVARS.get(setting.type, "TEXT"),
        rich_help_panel="Settings",
    )
    kind: Any = bool | None if is_switch else list[str] | None if setting.is_list else str | None
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


def _shown_default(setting: Setting) -> str:
    if setting.default is None or setting.default in ("", ()):
        return ""
    return f" Default: {str(setting.default).lower() if setting.type is bool else setting.default}."


_FIXED = (
    inspect.Parameter(
        "config",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", metavar="FILE")],
    ),
    inspect.Parameter(
        "json",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option("--json", help="Say as JSON on standard output when it is ready.")],
    ),
)
