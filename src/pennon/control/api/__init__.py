"""The control plane over HTTP: one module a noun, with its request and response types and its routes.

Routes parse, call a service in a thread, and answer. What a service would want to know is not decided here.
"""

from pennon.control.api.application import build_application

__all__ = ["build_application"]
