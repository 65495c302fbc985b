"""The values of a flag between two schemas, over HTTP: prepare, activate, clean up, and who could not read them."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.api.answers import changed_answer
from pennon.control.api.changes import BreakGlass
from pennon.control.api.flags import DefinitionResource, show_definition
from pennon.control.api.inputs import Command, ItemKey, Key
from pennon.control.api.routes import PROJECT, creates, reads
from pennon.control.environments.protection import Leave
from pennon.control.flags.definitions import OtherValues
from pennon.control.flags.schema_service import SchemaStanding
from pennon.control.flags.schema_steps import LONGEST_H, SHORTEST_H
from pennon.control.services import Services
from pennon.model import Json, Problem

_STANDING = PROJECT + "/value-schemas/{flag:path}"
_STEPS = PROJECT + "/schema-steps"

FlagKey: TypeAlias = Annotated[str, Meta(max_length=256, description="The flag's key.")]
Values: TypeAlias = Annotated[dict[str, Json], Meta(description="Values by variation; others stay as they are.")]
ReadBy: TypeAlias = Annotated[
    dict[str, str],
    Meta(
        description="From which version on applications or SDKs, by the names that they report, can read the values. "
        "While older ones are heard of, the values are not activated."
    ),
]
Hours: TypeAlias = Annotated[
    int, Meta(ge=SHORTEST_H, le=LONGEST_H, description="An instance that was silent for so many hours counts no more.")
]


class PrepareBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Values to come, under another schema."""

    flag: FlagKey
    schema: Annotated[Json, Meta(description="A JSON Schema (2020-12); null for none.")] = None
    values: Values = {}
    read_by: ReadBy = {}
    gone_after_h: Hours = 24


class ActivateBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose prepared values are to be served."""

    flag: FlagKey
    break_glass: BreakGlass = False


class CleanUpBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whose values that are not served are dropped."""

    flag: FlagKey


class OtherValuesResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A schema that is not active, with its values."""

    schema: Json
    values: Values
    read_by: ReadBy
    gone_after_h: Hours


class ReaderResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Instances that say the same of themselves."""

    environment: str
    sdk: Annotated[str, Meta(description="As in `pennon-python/1.2 checkout-web/2.3.0`; empty: they say nothing.")]
    instances: int
    last_seen: datetime


class BehindResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Instances that could not read the prepared values."""

    name: str
    version: str
    wanted: str
    environment: str
    instances: int
    last_seen: datetime


class StandingResource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a flag's values stand between two schemas."""

    flag: str
    value_schema: Json
    prepared: OtherValuesResource | None
    previous: OtherValuesResource | None
    unready: Annotated[
        tuple[Problem, ...],
        Meta(description="Values that would not satisfy the prepared schema, with paths into the definition to come."),
    ]
    behind: Annotated[tuple[BehindResource, ...], Meta(description="Who could not read the prepared values.")]
    strangers: Annotated[
        int, Meta(description="How many instances name none of `readBy`: they may be older than they can say.")
    ]
    readers: Annotated[tuple[ReaderResource, ...], Meta(description="Who reported evaluations lately.")]


def value_schema_routes(services: Services, max_bytes: int) -> list[Any]:
    """Return the routes; bodies are at most *max_bytes* long."""

    @reads(_STANDING, StandingResource)
    def read_value_schema(project: Key, item_key: ItemKey) -> Response[Any]:
        """Show a flag's values between two schemas, and who could not read those that are prepared."""
        return Response(_shown(services.schemas.standing(project, item_key)))

    @creates(
        _STEPS + "/prepare",
        DefinitionResource,
        permission="flag.define",
        status=200,
        max_bytes=max_bytes,
        example={
            "flag": "theme",
            "schema": {"type": "object", "required": ["colours"]},
            "values": {"dark": {"colours": ["black"]}},
            "readBy": {"checkout-web": "2.3.0"},
        },
    )
    def prepare_schema(project: Key, data: JSONBody[PrepareBody], command: Command) -> Response[Any]:
        """Put values under another schema beside those of a flag. Nobody is served them yet."""
        values = OtherValues(
            schema=data.schema, values=data.values, read_by=data.read_by, gone_after_h=data.gone_after_h
        )
        outcome = services.schemas.prepare_schema(project, data.flag, values, **command.said)
        return changed_answer(outcome, show_definition)

    @creates(_STEPS + "/activate", DefinitionResource, permission="flag.define", status=200, example={"flag": "theme"})
    def activate_schema(project: Key, data: JSONBody[ActivateBody], command: Command) -> Response[Any]:
        """Serve the prepared values, in every environment. Refused, naming whom, while older readers are heard of."""
        leave = Leave(is_break_glass=data.break_glass)
        outcome = services.schemas.activate_schema(project, data.flag, leave=leave, **command.said)
        return changed_answer(outcome, show_definition)

    @creates(_STEPS + "/clean-up", DefinitionResource, permission="flag.define", status=200, example={"flag": "theme"})
    def clean_up_schema(project: Key, data: JSONBody[CleanUpBody], command: Command) -> Response[Any]:
        """Drop the values of a flag that are not served: the old ones, or prepared ones that are given up."""
        return changed_answer(services.schemas.clean_up_schema(project, data.flag, **command.said), show_definition)

    return [read_value_schema, prepare_schema, activate_schema, clean_up_schema]


def _shown(found: SchemaStanding) -> StandingResource:
    return StandingResource(
        flag=found.definition.key,
        value_schema=found.definition.value_schema,
        prepared=_other(found.definition.prepared),
        previous=_other(found.definition.previous),
        unready=tuple(found.unready),
        behind=tuple(BehindResource(**msgspec.structs.asdict(each)) for each in found.behind),
        strangers=found.strangers,
        readers=tuple(ReaderResource(**msgspec.structs.asdict(each)) for each in found.readers),
    )


def _other(values: OtherValues | None) -> OtherValuesResource | None:
    return None if values is None else OtherValuesResource(**msgspec.structs.asdict(values))
