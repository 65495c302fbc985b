"""The pages: what a person sees of the control plane. Built on the server, of services and views, one module a noun.

Every page works without JavaScript: each action is a form. Scripts only save waiting.
"""

from pennon.control.ui.failures import pages_astray
from pennon.control.ui.rendering import Pages
from pennon.control.ui.site import page_routes

__all__ = ["Pages", "page_routes", "pages_astray"]
