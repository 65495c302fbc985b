"""A rule's page: its conditions and what it serves, in one form that ends on the review page."""

from typing import Any

from litestar import Request, Response

from pennon.control.changes.sentences import condition_text, serve_text
from pennon.control.errors import Invalid, NotFound
from pennon.control.log import EnvironmentName
from pennon.control.ui.editing import OPERATORS, percent_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Pages, page_path
from pennon.control.ui.reviewing import Proposed, reviewed_in
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.rule_forms import form_of_rule, is_editable, rows, rule_edits, rule_of
from pennon.control.ui.visitors import Visitor
from pennon.control.working.commands import Expectation
from pennon.model import Flag


def rule_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/rule")
    def show_rule(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show a rule, to be edited."""
        asked = request.query_params
        named = Form((("flag", asked.get("flag", "")), ("rule", asked.get("rule", ""))))
        return _shown(pages, request, EnvironmentName(project, environment), named, is_first=True)

    @acts(ENVIRONMENT + "/rule", permission="read")
    def edit_rule(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Go on to the review of the rule as the form has it."""
        name, key = EnvironmentName(project, environment), form.raw("flag")
        flag = pages.services.flag_views.flag(name, key).read(Flag)
        if (rule := rule_of(flag, form.raw("rule"))) is None:
            raise NotFound("rule", form.raw("rule"))
        if form.has("more"):
            return _shown(pages, request, name, form)
        try:
            edits = rule_edits(form, flag, rule)
        except Invalid as error:
            return _shown(pages, request, name, form, error=error)
        version = form.whole("version")
        back = page_path("projects", project, "environments", environment, "flags", key)
        expected = None if version is None else Expectation(flags={key: version})
        return reviewed_in(pages, request, name, Proposed(edits=edits, expected=expected, back=back))

    return [show_rule, edit_rule]


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Any, Any, Any],
    name: EnvironmentName,
    typed: Form,
    *,
    is_first: bool = False,
    error: Invalid | None = None,
) -> Response[Any]:
    flag = pages.services.flag_views.flag(name, typed.raw("flag")).read(Flag)
    if (rule := rule_of(flag, typed.raw("rule"))) is None:
        raise NotFound("rule", typed.raw("rule"))
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
    typed = form_of_rule(flag, rule) if is_first else typed
    return pages.answer(
        request,
        "rule.html",
        status=200 if error is None else 422,
        frame=frame,
        flag=flag,
        rule=rule,
        typed=typed,
        rows=rows(typed, rule),
        editable=[is_editable(condition) for condition in rule.conditions],
        operators=OPERATORS,
        condition_text=condition_text,
        serve_text=serve_text,
        percent_of=percent_of,
        problems={} if error is None else {each.path.lstrip("/"): each for each in error.problems},
    )
