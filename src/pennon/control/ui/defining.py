"""What a flag is, in every environment: making one, its definition's page, and its end. Also the archived flags."""

from typing import Any, get_args

from litestar import Request, Response

from pennon.control.environments.ownership import file_of
from pennon.control.environments.protection import Leave
from pennon.control.errors import Invalid, PennonError
from pennon.control.flags.definitions import BOOLEAN_VARIATIONS, FlagDefinition
from pennon.control.flags.project import HowRestored
from pennon.control.lifecycle.stale import AskedStale
from pennon.control.ui.definition_forms import KINDS, beside_fields, definition_of, form_of, rows
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.flags import REASONS
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import LastKey, Named, Sent
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor

_NEW = FlagDefinition(key="", variations=BOOLEAN_VARIATIONS)
_REFERENCES = 50


def defining_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/new-flag", permission="flag.define")
    def show_new_flag(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Ask what the new flag is."""
        return _new(pages, request, project, form_of(_NEW))

    @acts(PROJECT + "/new-flag", permission="flag.define")
    def create_flag(request: Request[Visitor, Any, Any], project: Named, form: Sent) -> Response[Any]:
        """Create a flag, off in every environment, and go on to its page."""
        if form.has("more"):
            return _new(pages, request, project, form)
        try:
            definition = definition_of(form)
            pages.services.flags.create_flag(project, definition, by=request.user.actor, why=_why(form))
        except PennonError as error:
            return _new(pages, request, project, form, error=error)
        return sent_to(with_note(page_path("projects", project, "flags", definition.key), "created"))

    @shows(PROJECT + "/definitions/{flag:path}")
    def show_definition(request: Request[Visitor, Any, Any], project: Named, last_key: LastKey) -> Response[Any]:
        """Show what a flag is."""
        return _shown(pages, request, project, last_key)

    @acts(PROJECT + "/definition", permission="read")  # the service asks for what each form takes
    def change_definition(request: Request[Visitor, Any, Any], project: Named, form: Sent) -> Response[Any]:
        """Change what a flag is, archive, restore or delete it."""
        key = form.raw("flag")
        if form.has("more"):
            return _shown(pages, request, project, key, typed=form)
        try:
            note = _done(pages, project, key, form, request.user)
        except PennonError as error:
            return _shown(pages, request, project, key, typed=form, error=error)
        if note == "deleted":
            return sent_to(with_note(page_path("projects", project, "flags"), note))
        return sent_to(with_note(page_path("projects", project, "definitions", key), note))

    @shows(PROJECT + "/archived-flags")
    def list_archived(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show the flags that evaluate no more."""
        after = request.query_params.get("after") or None
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        page = pages.services.lifecycle_views.archived(project, after=after, limit=50)
        return pages.answer(request, "archived.html", frame=frame, page=page, after=after)

    return [show_new_flag, create_flag, show_definition, change_definition, list_archived]


def _done(pages: Pages, project: str, key: str, form: Form, visitor: Visitor) -> str:
    """Do what the form whose field `do` names it asks for, and return what is then told."""
    flags = pages.services.flags
    leave = Leave(is_break_glass=form.has("break-glass"))
    expected = form.whole("version")
    common: dict[str, Any] = {"expected": expected, "by": visitor.actor, "why": _why(form), "leave": leave}
    match form.raw("do"):
        case "define":
            before = pages.services.flag_views.definition(project, key).read(FlagDefinition)
            flags.change_definition(project, definition_of(form, before), **common)
            return "saved"
        case "archive":
            flags.archive_flag(project, key, **common)
            return "archived"
        case "restore":
            how: HowRestored = next((each for each in get_args(HowRestored) if each == form.raw("how")), "off")
            flags.restore_flag(project, key, how=how, **common)
            return "restored"
        case "delete":
            flags.delete_flag(project, key, confirm=form.raw("confirm"), **common)
            return "deleted"
        case _:
            raise Invalid.at("/do", "there is no such form", "reload the page")


def _new(
    pages: Pages, request: Request[Any, Any, Any], project: str, typed: Form, *, error: PennonError | None = None
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
        labels = pages.services.flag_views.labels(reading, project)
    return pages.answer(
        request,
        "new_flag.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        owners=labels.owners[:200],
        **_fields(typed, error),
    )


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Any, Any, Any],
    project: str,
    key: str,
    *,
    typed: Form | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    services = pages.services
    definition = services.flag_views.definition(project, key).read(FlagDefinition)
    with services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
        labels = services.flag_views.labels(reading, project)
    stale = () if definition.archived else services.stale_views.flags(project, AskedStale(flag=key)).items
    is_defining = typed is not None and typed.raw("do") in {"define", ""}
    return pages.answer(
        request,
        "definition.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        definition=definition,
        owners=labels.owners[:200],
        stale=stale[0] if stale else None,
        reasons=REASONS,
        references=services.code.references(project, key, limit=_REFERENCES),
        repositories=services.code.repositories(project),
        sent=typed or Form(()),
        files=[
            file_of("definition", key, each.key) + " in " + each.files.source
            for each in frame.environments
            if each.files
        ],
        **_fields(typed if typed is not None and is_defining else form_of(definition), error),
    )


def _fields(typed: Form, error: PennonError | None) -> dict[str, Any]:
    placed, others = beside_fields(() if error is None else problems_of(error), typed)
    is_told = error is not None and (others or not placed)
    return {
        "typed": typed,
        "rows": rows(typed),
        "kinds": KINDS,
        "problems": placed,
        "others": others,
        "failed": {"title": title_of(error)[1], "text": "" if others else sentence(error)}
        if is_told and error
        else None,
    }


def _why(form: Form) -> str:
    return form.text("why").replace("\n", " ")[:2000]
