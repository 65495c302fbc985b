"""Where a browser goes after somebody signed in: to a page of this server, and never where a stranger's link says."""

import re
from urllib.parse import unquote

LONGEST_TARGET = 1024
_PATH = re.compile(r"/[\x21-\x7e]*")
_DECODINGS = 3


def local_path(text: str) -> str:
    """Return *text* if it is a path of this server, whatever a browser or a proxy makes of it; else `/`.

    Browsers take a backslash for a slash, drop tabs and newlines, and take `//host` for another server; proxies decode.
    """
    plain = re.split(r"[?#]", text, maxsplit=1)[0]
    for _ in range(_DECODINGS):
        plain = unquote(plain)
        if "//" in plain or "\\" in plain or any(character < " " or character == "\x7f" for character in plain):
            return "/"
    return text if len(text) <= LONGEST_TARGET and _PATH.fullmatch(text) is not None else "/"
