"""Projects and their environments over HTTP."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.access.permissions import Principal
from pennon.control.api.answers import ListOf, changed_answer, done_answer, item_answer, list_answer, paged
from pennon.control.api.inputs import Command, Expected, Key, Paging, Place
from pennon.control.api.resources import Resource, encoded, require_same_key, sent
from pennon.control.api.routes import ENVIRONMENT, PROJECT, creates, deletes, reads, replaces
from pennon.control.environments.ownership import FilesOwner
from pennon.control.environments.protection import Protection
from pennon.control.environments.views import Environment, environments
from pennon.control.environments.views import environment as find_environment
from pennon.control.log import Stored
from pennon.control.projects.views import Project, StaleAfter, projects
from pennon.control.projects.views import project as find_project
from pennon.control.services import Services

Confirm = Annotated[
    str | None,
    QueryParameter(name="confirm", max_length=256, description="The key once more, to delete all that it holds too."),
]


class ProjectResource(Resource, frozen=True, kw_only=True):
    """What holds environments and the definitions of flags."""

    name: Annotated[str, Meta(max_length=200, description="What people call it.")] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    stale_after: Annotated[StaleAfter, Meta(description="After how many days a flag is told to be stale.")] = (
        StaleAfter()
    )


class NewProject(ProjectResource, frozen=True, kw_only=True):
    """A project to create."""

    key: str


class EnvironmentResource(Resource, frozen=True, kw_only=True):
    """Where a project's flags are configured."""

    name: Annotated[str, Meta(max_length=200, description="What people call it.")] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    production: Annotated[bool, Meta(description="Whether users see it, so that tools ask twice.")] = False
    client_rules: Annotated[
        bool,
        Meta(description="Whether browsers may have the rules of client-side flags, and read them."),
    ] = False
    protection: Annotated[
        Protection | None, Meta(description="What it demands of each change, but of turning flags off; null: nothing.")
    ] = None
    files: Annotated[
        FilesOwner | None,
        Meta(description="The files that own it: nobody else changes it, but for turning flags off. null: none."),
    ] = None


class NewEnvironment(EnvironmentResource, frozen=True, kw_only=True):
    """An environment to create. Every flag of the project is off in it."""

    key: str


def show_project(project: Project) -> bytes:
    """Return a project as it is shown."""
    return encoded(project, ProjectResource)


def show_environment(environment: Environment) -> bytes:
    """Return an environment as it is shown."""
    return encoded(environment, EnvironmentResource)


def _stored_project(stored: Stored) -> bytes:
    return show_project(stored.read(Project))


def _stored_environment(stored: Stored) -> bytes:
    return show_environment(stored.read(Environment))


def project_routes(services: Services) -> list[Any]:
    """Return the routes."""
    return [*_project_routes(services), *_environment_routes(services)]


def _project_routes(services: Services) -> list[Any]:
    @reads("/projects", ListOf[ProjectResource], anywhere=True)
    def list_projects(request: Request[Any, Principal, Any], paging: Paging) -> Response[Any]:
        """List the projects that the token may see."""
        with services.log.reading() as reading:
            found = [each for each in projects(reading, after=paging.after) if request.user.sees(each.key)]
        page, following = paged(found, paging.limit, lambda project: project.key)
        return list_answer(map(show_project, page), following)

    @creates("/projects", ProjectResource, permission="project.create", example={"key": "shop", "name": "The shop"})
    def create_project(data: JSONBody[NewProject], command: Command) -> Response[Any]:
        """Create a project, without environments."""
        outcome = services.projects.create_project(sent(data, Project, key=data.key), **command.said)
        return changed_answer(outcome, _stored_project, status=201)

    @reads(PROJECT, ProjectResource, versioned=True)
    def read_project(request: Request[Any, Principal, Any], project: Key) -> Response[Any]:
        """Show a project."""
        with services.log.reading() as reading:
            found = find_project(reading, project)
        return item_answer(request, found, show_project)

    @replaces(PROJECT, ProjectResource, permission="project.manage", example={"name": "The shop"})
    def describe_project(
        project: Key, data: JSONBody[ProjectResource], command: Command, expected: Expected
    ) -> Response[Any]:
        """Change what is said of a project."""
        require_same_key(data, project)
        outcome = services.projects.describe_project(
            sent(data, Project, key=project), expected=expected, **command.said
        )
        return changed_answer(outcome, _stored_project)

    @deletes(PROJECT, permission="project.manage")
    def delete_project(project: Key, command: Command, confirm: Confirm = None) -> Response[Any]:
        """Delete a project. One that holds something, only if the key is confirmed."""
        return done_answer(services.projects.delete_project(project, confirm=confirm, **command.said))

    return [list_projects, create_project, read_project, describe_project, delete_project]


def _environment_routes(services: Services) -> list[Any]:
    environments_path = PROJECT + "/environments"

    @reads(environments_path, ListOf[EnvironmentResource])
    def list_environments(project: Key, paging: Paging) -> Response[Any]:
        """List the environments of a project."""
        with services.log.reading() as reading:
            found = environments(reading, project, after=paging.after, limit=paging.limit + 1)
        page, following = paged(found, paging.limit, lambda environment: environment.key)
        return list_answer(map(show_environment, page), following)

    @creates(environments_path, EnvironmentResource, permission="environment.manage", example={"key": "staging"})
    def create_environment(project: Key, data: JSONBody[NewEnvironment], command: Command) -> Response[Any]:
        """Create an environment, in which every flag of the project is off."""
        outcome = services.environments.create_environment(
            project, sent(data, Environment, key=data.key), **command.said
        )
        return changed_answer(outcome, _stored_environment, status=201)

    @reads(ENVIRONMENT, EnvironmentResource, versioned=True)
    def read_environment(request: Request[Any, Principal, Any], where: Place) -> Response[Any]:
        """Show an environment."""
        with services.log.reading() as reading:
            found = find_environment(reading, where)
        return item_answer(request, found, show_environment)

    @replaces(ENVIRONMENT, EnvironmentResource, permission="environment.manage", example={"production": True})
    def describe_environment(
        where: Place, data: JSONBody[EnvironmentResource], command: Command, expected: Expected
    ) -> Response[Any]:
        """Change what is said of an environment."""
        require_same_key(data, where.environment)
        outcome = services.environments.describe_environment(
            where.project,
            sent(data, Environment, key=where.environment),
            expected=expected,
            **command.said,
        )
        return changed_answer(outcome, _stored_environment)

    @deletes(ENVIRONMENT, permission="environment.manage")
    def delete_environment(where: Place, command: Command, confirm: Confirm = None) -> Response[Any]:
        """Delete an environment. One that holds something, only if the key is confirmed."""
        return done_answer(services.environments.delete_environment(where, confirm=confirm, **command.said))

    return [list_environments, create_environment, read_environment, describe_environment, delete_environment]
