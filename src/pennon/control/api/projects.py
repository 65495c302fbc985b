"""Projects and their environments over HTTP."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import Parameter
from msgspec import Meta

from pennon.control.access.credentials import Token
from pennon.control.api.answers import ListOf, changed_answer, done_answer, item_answer, list_answer, paged
from pennon.control.api.inputs import Command, Key, Paging
from pennon.control.api.resources import Resource, encoded, require_same_key, sent
from pennon.control.api.routes import ADMINISTRATOR, ENVIRONMENT, PROJECT, creates, deletes, reads, replaces
from pennon.control.api.services import Log
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment, environments
from pennon.control.environments.views import environment as find_environment
from pennon.control.log import EnvironmentName, Stored
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project, projects
from pennon.control.projects.views import project as find_project

Confirm = Annotated[
    str | None,
    Parameter(query="confirm", max_length=256, description="The key once more, to delete all that it holds too."),
]


class ProjectResource(Resource, frozen=True, kw_only=True):
    """What holds environments and the definitions of flags."""

    name: Annotated[str, Meta(max_length=200, description="What people call it.")] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""


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


class NewEnvironment(EnvironmentResource, frozen=True, kw_only=True):
    """An environment to create. Every flag of the project is off in it."""

    key: str


def _show_project(project: Project) -> bytes:
    return encoded(project, ProjectResource)


def _show_environment(environment: Environment) -> bytes:
    return encoded(environment, EnvironmentResource)


def _stored_project(stored: Stored) -> bytes:
    return _show_project(stored.read(Project))


def _stored_environment(stored: Stored) -> bytes:
    return _show_environment(stored.read(Environment))


def project_routes() -> list[Any]:
    """Return the routes."""
    return [*_project_routes(), *_environment_routes()]


def _project_routes() -> list[Any]:
    @reads("/projects", ListOf[ProjectResource], any_project=True)
    def list_projects(request: Request[Any, Token, Any], paging: Paging, log: Log) -> Response[Any]:
        """List the projects that the token may see."""
        only = request.user.project
        with log.reading() as reading:
            if only is not None:
                return list_answer([_show_project(find_project(reading, only))], None)
            found = projects(reading, after=paging.after, limit=paging.limit + 1)
        page, following = paged(found, paging.limit, lambda project: project.key)
        return list_answer(map(_show_project, page), following)

    @creates("/projects", ProjectResource, role=ADMINISTRATOR)
    def create_project(data: NewProject, command: Command, project_service: ProjectService) -> Response[Any]:
        """Create a project, without environments."""
        outcome = project_service.create_project(sent(data, Project, key=data.key), **command.said)
        return changed_answer(outcome, _stored_project, status=201)

    @reads(PROJECT, ProjectResource)
    def show_project(request: Request[Any, Token, Any], project: Key, log: Log) -> Response[Any]:
        """Show a project."""
        with log.reading() as reading:
            found = find_project(reading, project)
        return item_answer(request, found, _show_project)

    @replaces(PROJECT, ProjectResource, role=ADMINISTRATOR)
    def describe_project(
        project: Key, data: ProjectResource, command: Command, project_service: ProjectService
    ) -> Response[Any]:
        """Give a project another name and description."""
        require_same_key(data, project)
        outcome = project_service.describe_project(
            sent(data, Project, key=project), expected=command.expected, **command.said
        )
        return changed_answer(outcome, _stored_project)

    @deletes(PROJECT, role=ADMINISTRATOR)
    def delete_project(
        project: Key, command: Command, project_service: ProjectService, confirm: Confirm = None
    ) -> Response[Any]:
        """Delete a project. One that holds something, only if the key is confirmed."""
        return done_answer(project_service.delete_project(project, confirm=confirm, **command.said))

    return [list_projects, create_project, show_project, describe_project, delete_project]


def _environment_routes() -> list[Any]:
    environments_path = PROJECT + "/environments"

    @reads(environments_path, ListOf[EnvironmentResource])
    def list_environments(project: Key, paging: Paging, log: Log) -> Response[Any]:
        """List the environments of a project."""
        with log.reading() as reading:
            found = environments(reading, project, after=paging.after, limit=paging.limit + 1)
        page, following = paged(found, paging.limit, lambda environment: environment.key)
        return list_answer(map(_show_environment, page), following)

    @creates(environments_path, EnvironmentResource, role=ADMINISTRATOR)
    def create_environment(
        project: Key, data: NewEnvironment, command: Command, environment_service: EnvironmentService
    ) -> Response[Any]:
        """Create an environment, in which every flag of the project is off."""
        outcome = environment_service.create_environment(project, sent(data, Environment, key=data.key), **command.said)
        return changed_answer(outcome, _stored_environment, status=201)

    @reads(ENVIRONMENT, EnvironmentResource)
    def show_environment(request: Request[Any, Token, Any], where: EnvironmentName, log: Log) -> Response[Any]:
        """Show an environment."""
        with log.reading() as reading:
            found = find_environment(reading, where)
        return item_answer(request, found, _show_environment)

    @replaces(ENVIRONMENT, EnvironmentResource, role=ADMINISTRATOR)
    def describe_environment(
        where: EnvironmentName, data: EnvironmentResource, command: Command, environment_service: EnvironmentService
    ) -> Response[Any]:
        """Change what is said of an environment."""
        require_same_key(data, where.environment)
        outcome = environment_service.describe_environment(
            where.project,
            sent(data, Environment, key=where.environment),
            expected=command.expected,
            **command.said,
        )
        return changed_answer(outcome, _stored_environment)

    @deletes(ENVIRONMENT, role=ADMINISTRATOR)
    def delete_environment(
        where: EnvironmentName, command: Command, environment_service: EnvironmentService, confirm: Confirm = None
    ) -> Response[Any]:
        """Delete an environment. One that holds something, only if the key is confirmed."""
        return done_answer(environment_service.delete_environment(where, confirm=confirm, **command.said))

    return [list_environments, create_environment, show_environment, describe_environment, delete_environment]
