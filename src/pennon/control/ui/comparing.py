"""What two environments do with a flag, field by field, and the way of it from one to the other."""

from typing import Any

from litestar import Request, Response
from msgspec.structs import replace

from pennon.control.changes.diff import FieldChange, diff_texts
from pennon.control.changes.flag_edits import SetConfiguration
from pennon.control.changes.split_edits import OWN_HASH
from pennon.control.flags.definitions import FlagConfiguration, configuration_of
from pennon.control.log import EnvironmentName
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Pages, page_path
from pennon.control.ui.reviewing import Proposed, reviewed
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.working.commands import Expectation
from pennon.model import Flag, Serve


def comparing_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/compare")
    def compare(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show in what an environment, and another that is named, are different in a flag."""
        key, there = request.query_params.get("flag", ""), request.query_params.get("with", "")
        here = pages.services.flag_views.flag(EnvironmentName(project, environment), key)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        others = [each for each in frame.environments if each.key != environment]
        other = next((each for each in others if each.key == there), others[0] if others else None)
        found = None if other is None else pages.services.flag_views.flag(EnvironmentName(project, other.key), key)
        difference = None if found is None else diff_texts(("flag", key), here.text, found.text)
        fields = () if difference is None else difference.fields
        return pages.answer(
            request,
            "compare.html",
            frame=frame,
            key=key,
            others=others,
            other=other,
            fields=[each for each in fields if not _is_salt(each)],
            salts=[each for each in fields if _is_salt(each)],
        )

    @acts(ENVIRONMENT + "/copy", permission="read")
    def copy(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Go on to the review of a flag's configuration as another environment has it."""
        key, source = form.raw("flag"), EnvironmentName(project, form.raw("from"))
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
            pages.frame(request.user, reading, project, source.environment)  # who copies it reads it
        theirs = pages.services.flag_views.flag(source, key).read(Flag)
        ours = pages.services.flag_views.flag(frame.name, key).read(Flag)
        configuration = copied(theirs, ours, with_state=form.has("with-state"), with_salts=form.has("with-salts"))
        proposed = Proposed(
            edits=(SetConfiguration(flag=key, configuration=configuration),),
            expected=Expectation(flags={key: ours.version}),
            back=page_path("projects", project, "environments", environment, "flags", key),
            title=f"{key} as in {source.environment}"[:200],
        )
        return reviewed(pages, request, frame, proposed)

    return [compare, copy]


def copied(theirs: Flag, ours: Flag, *, with_state: bool, with_salts: bool) -> FlagConfiguration:
    """Return the configuration that makes *ours* do what *theirs* does.

    Without *with_state* it stays on or off, without *with_salts* it keeps its salts: who is in a share of one
    environment need not be in the same share of another. Salts of foreign hashes are part of what was imported.
    """
    configuration = configuration_of(theirs)
    if not with_state:
        configuration = replace(configuration, on=ours.on)
    if with_salts:
        return configuration
    known = {rule.id: rule.serve for rule in ours.rules}
    rules = tuple(replace(rule, serve=_resalted(rule.serve, known.get(rule.id))) for rule in configuration.rules)
    fallthrough = _resalted(configuration.fallthrough, ours.fallthrough)
    return replace(configuration, salt=None, rules=rules, fallthrough=fallthrough)


def _resalted(theirs: Serve, ours: Serve | None) -> Serve:
    if theirs.split is None or theirs.split.hash != OWN_HASH:
        return theirs
    salt = ours.split.salt if ours is not None and ours.split is not None else None
    return replace(theirs, split=replace(theirs.split, salt=salt))


def _is_salt(change: FieldChange) -> bool:
    return change.path.rpartition("/")[2] == "salt"
