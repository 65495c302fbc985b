"""The page that says why somebody was not let in by the identity provider. It needs nothing that it does not hold."""

from html import escape

from litestar import Response

from pennon.control.errors import NotFound, PennonError

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not signed in · Pennon</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; }}
a {{ margin-right: 1.5rem; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #16181d; color: #e8e8ea; }} a {{ color: #8ab4ff; }} }}
</style>
</head>
<body>
<h1>You are not signed in</h1>
<p>{said}</p>
<p>{mend}</p>
<p>{links}</p>
</body>
</html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def sign_in_page(error: PennonError, *, status: int, again: str) -> Response[str]:
    """Return the page that tells *error*, with the way to begin *again* where that can help."""
    links = '<a href="/sign-in">Sign in by a password</a>'
    if not isinstance(error, NotFound):
        links = f'<a href="{escape(again)}">Begin again</a> {links}'
    page = _PAGE.format(said=_sentence(error.message), mend=_sentence(error.mend), links=links)
    return Response(page, status_code=status, media_type="text/html", headers=_HEADERS)


def _sentence(text: str) -> str:
    return escape(f"{text[:1].upper()}{text[1:]}.") if text else ""
