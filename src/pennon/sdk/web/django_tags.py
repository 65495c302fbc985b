"""Django's template tag: `{% load pennon %}{% pennon_bootstrap %}`, behind `pennon.sdk.web.django.FlagsMiddleware`.

TEMPLATES = [{…, "OPTIONS": {"libraries": {"pennon": "pennon.sdk.web.django_tags"}}}]
"""

from django import template  # type: ignore[import-untyped]

from pennon.sdk.web.templates import bootstrap_of

register = template.Library()
register.simple_tag(bootstrap_of(), name="pennon_bootstrap")
