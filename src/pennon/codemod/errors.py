"""What can go wrong with a code base: `CodemodError` is the base of it all.

CodemodError
├── InvalidConventions     the configuration says what cannot be
└── NotRewritable          a file cannot be rewritten; its message says why
"""


class CodemodError(Exception):
    """The base of what `pennon.codemod` raises."""


class InvalidConventions(CodemodError):
    """The configuration of scan says what cannot be."""


class NotRewritable(CodemodError):
    """A file cannot be rewritten."""
