"""The first lines of a program that uses a key: what somebody pastes who has just made one. Pure."""

from html import escape

import msgspec

from pennon.model import KeyKind


class Module(msgspec.Struct, frozen=True):
    """A file of `/js/v1/integrity.json`: its pinned path, and the checksum without which no browser runs it."""

    path: str
    integrity: str


def snippet(kind: KeyKind, url: str, secret: str, module: Module) -> str:
    """Return what a program, a page or an edge node begins with that asks the server at *url* with *secret*."""
    match kind:
        case "server":
            return _PYTHON.format(url=url, secret=secret)
        case "edge":
            return _EDGE.format(url=url, secret=secret)
        case "client":
            src = escape(url + module.path)
            return _PAGE.format(url=escape(url), secret=secret, src=src, integrity=module.integrity)


_PYTHON = """\
from pennon import Client

with Client("{url}", key="{secret}") as client:
    print(client.boolean("my-flag", {{"targetingKey": "user-42"}}, default=False))
"""
_PAGE = """\
<script type="module" src="{src}"
  integrity="{integrity}" crossorigin="anonymous"></script>
<script type="module">
  import {{ Client }} from "{src}";

  const flags = new Client("{url}", {{ key: "{secret}" }});
  flags.on("change", () => console.log(flags.boolean("my-flag", false)));
</script>
"""
_EDGE = """\
export PENNON_EDGE_KEY={secret}
pennon edge run --upstream {url} --data /var/lib/pennon-edge
"""
