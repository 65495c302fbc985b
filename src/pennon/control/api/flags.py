"""Flags over HTTP: their definitions, which a project owns, and their configuration in an environment."""

import datetime
from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.api.answers import ListOf, changed_answer, item_answer, list_answer
from pennon.control.api.inputs import NO_CONTROLS, Command, Expected, Given, ItemKey, Key, Paging, Place
from pennon.control.api.resources import Resource, WarnedResource, encoded, require_same_key, sent
from pennon.control.api.routes import ENVIRONMENT, PROJECT, creates, deletes, reads, replaces
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, Lifetime
from pennon.control.flags.views import Asked
from pennon.control.log import Stored
from pennon.control.services import Services
from pennon.model import (
    Compat,
    Exposures,
    Flag,
    FlagKind,
    Json,
    Prerequisite,
    Rule,
    Serve,
    Staleness,
    Target,
    Variation,
)

_DEFINITIONS = PROJECT + "/flags"
_DEFINITION = _DEFINITIONS + "/{flag:path}"
_FLAGS = ENVIRONMENT + "/flags"
_FLAG = _FLAGS + "/{flag:path}"
_CONFIGURATION = {
    "on": True,
    "offVariation": "off",
    "rules": [
        {
            "id": "beta",
            "conditions": [{"attribute": "country", "op": "in", "values": ["DE", "FR"]}],
            "serve": {
                "split": {
                    "weights": [{"variation": "on", "weight": 10000}, {"variation": "off", "weight": 90000}],
                }
            },
        }
    ],
    "fallthrough": {"variation": "off"},
}

Search = Annotated[
    str,
    QueryParameter(
        name="search", pattern=NO_CONTROLS, max_length=200, description="In key, name or description, in any case."
    ),
]
Tag = Annotated[
    str | None, QueryParameter(name="tag", pattern=NO_CONTROLS, max_length=200, description="A tag it has.")
]
Owner = Annotated[
    str | None, QueryParameter(name="owner", pattern=NO_CONTROLS, max_length=200, description="Whose it is.")
]
Confirm = Annotated[
    str | None,
    QueryParameter(name="confirm", max_length=256, description="The flag's key once more: deleting is for ever."),
]


class DefinitionResource(Resource, frozen=True, kw_only=True):
    """What a flag is, in every environment of its project."""

    kind: Annotated[FlagKind, Meta(description="The type of its values.")] = "boolean"
    variations: Annotated[
        tuple[Variation, ...], Meta(description="Its values. A boolean flag without any gets `on` and `off`.")
    ] = ()
    value_schema: Annotated[
        Json, Meta(description="A JSON Schema (2020-12) that every value satisfies; null for none.")
    ] = None
    client_side: Annotated[bool, Meta(description="Whether browsers and apps may evaluate it.")] = False
    name: Annotated[str, Meta(description="What people call it.")] = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    lifetime: Annotated[Lifetime, Meta(description="Whether it is to be removed one day.")] = "temporary"
    expected_removal: Annotated[datetime.date | None, Meta(description="When it should be gone.")] = None
    archived: Annotated[
        bool, Meta(description="Whether it evaluates no more.", extra_json_schema={"readOnly": True})
    ] = False


class NewDefinition(DefinitionResource, frozen=True, kw_only=True):
    """A flag to create. It is off in every environment."""

    key: str


class ConfigurationResource(WarnedResource, frozen=True, kw_only=True):
    """What one environment does with a flag."""

    on: Annotated[bool, Meta(description="Off serves `offVariation`, whatever the rules say.")] = False
    salt: Annotated[str | None, Meta(description="What varies the hash. Left out or null: the one that it has.")] = None
    targets: Annotated[tuple[Target, ...], Meta(description="Contexts listed by name.")] = ()
    rules: Annotated[tuple[Rule, ...], Meta(description="The first that matches serves.")] = ()
    fallthrough: Annotated[Serve, Meta(description="What is served when on and no rule matches.")]
    off_variation: Annotated[str | None, Meta(description="What is served when off. null: the caller's default.")] = (
        None
    )
    prerequisites: Annotated[
        tuple[Prerequisite, ...], Meta(description="Other flags' variations that must be served first.")
    ] = ()
    staleness: Annotated[Staleness | None, Meta(description="What to serve once the state is old.")] = None
    critical: Annotated[bool, Meta(description="Whether changes reach browsers without delay.")] = False
    exposures: Annotated[Exposures, Meta(description="Which exposures are reported.")] = "experiments"
    needs: Annotated[tuple[str, ...], Meta(description="What an SDK must know to evaluate it.")] = ()
    compat: Annotated[Compat | None, Meta(description="What an imported flag is read by.")] = None


def show_definition(stored: Stored) -> bytes:
    """Return a stored definition as it is shown."""
    return encoded(stored.read(FlagDefinition), DefinitionResource)


def show_configuration(stored: Stored) -> bytes:
    """Return a stored flag's configuration as it is shown."""
    return encoded(stored.read(Flag), ConfigurationResource)


def flag_routes(services: Services) -> list[Any]:
    """Return the routes."""
    return [*_definition_routes(services), *_configuration_routes(services)]


def _definition_routes(services: Services) -> list[Any]:
    @reads(_DEFINITIONS, ListOf[DefinitionResource])
    def list_definitions(  # a query
        project: Key, paging: Paging, search: Search = "", tag: Tag = None, owner: Owner = None
    ) -> Response[Any]:
        """List what flags a project has, but archived ones."""
        asked = Asked(search=search, tag=tag, owner=owner)
        page = services.flag_views.definitions(project, asked, after=paging.after, limit=paging.limit)
        return list_answer(map(show_definition, page.items), page.next)

    @creates(
        _DEFINITIONS,
        DefinitionResource,
        permission="flag.define",
        example={"key": "new-checkout", "clientSide": True, "tags": ["shop"]},
    )
    def create_flag(project: Key, data: JSONBody[NewDefinition], command: Command) -> Response[Any]:
        """Create a flag: off in every environment, each with a salt of its own."""
        definition = sent(data, FlagDefinition, key=data.key)
        return changed_answer(
            services.flags.create_flag(project, definition, **command.said), show_definition, status=201
        )

    @reads(_DEFINITION, DefinitionResource, versioned=True)
    def read_definition(request: Request[Any, Any, Any], project: Key, item_key: ItemKey) -> Response[Any]:
        """Show what a flag is."""
        return item_answer(request, services.flag_views.definition(project, item_key), show_definition)

    @replaces(
        _DEFINITION,
        DefinitionResource,
        permission="flag.define",
        example={"name": "New checkout", "lifetime": "temporary"},
    )
    def change_definition(
        project: Key,
        item_key: ItemKey,
        data: JSONBody[DefinitionResource],
        command: Command,
        leave: Given,
        expected: Expected,
    ) -> Response[Any]:
        """Change what a flag is, in every environment. Refused where a removed variation is still served."""
        require_same_key(data, item_key)
        definition = sent(data, FlagDefinition, key=item_key)
        outcome = services.flags.change_definition(project, definition, expected=expected, leave=leave, **command.said)
        return changed_answer(outcome, show_definition)

    @deletes(_DEFINITION, permission="flag.delete")
    def delete_flag(
        project: Key, item_key: ItemKey, command: Command, leave: Given, expected: Expected, confirm: Confirm = None
    ) -> Response[Any]:
        """Delete a flag, in every environment. Refused unless confirmed, and while it is another's prerequisite."""
        outcome = services.flags.delete_flag(
            project, item_key, confirm=confirm, expected=expected, leave=leave, **command.said
        )
        return changed_answer(outcome, show_definition)

    return [list_definitions, create_flag, read_definition, change_definition, delete_flag]


def _configuration_routes(services: Services) -> list[Any]:
    @reads(_FLAGS, ListOf[ConfigurationResource])
    def list_configurations(  # a query
        where: Place, paging: Paging, search: Search = "", tag: Tag = None, owner: Owner = None
    ) -> Response[Any]:
        """List what an environment does with the flags of its project."""
        asked = Asked(search=search, tag=tag, owner=owner)
        page = services.flag_views.flags(where, asked, after=paging.after, limit=paging.limit)
        return list_answer(map(show_configuration, page.items), page.next)

    @reads(_FLAG, ConfigurationResource, versioned=True)
    def read_configuration(request: Request[Any, Any, Any], where: Place, item_key: ItemKey) -> Response[Any]:
        """Show what an environment does with a flag."""
        return item_answer(request, services.flag_views.flag(where, item_key), show_configuration)

    @replaces(_FLAG, ConfigurationResource, permission="flag.change", example=_CONFIGURATION)
    def set_configuration(
        where: Place,
        item_key: ItemKey,
        data: JSONBody[ConfigurationResource],
        command: Command,
        leave: Given,
        expected: Expected,
    ) -> Response[Any]:
        """Replace what an environment does with a flag. To change a part of it, POST to `changes`."""
        require_same_key(data, item_key)
        configuration = sent(data, FlagConfiguration)
        outcome = services.flags.set_configuration(
            where, item_key, configuration, expected=expected, leave=leave, **command.said
        )
        return changed_answer(outcome, show_configuration)

    return [list_configurations, read_configuration, set_configuration]
