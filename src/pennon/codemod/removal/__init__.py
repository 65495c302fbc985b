"""Takes a flag out of Python source: text in, new text out. Needs libcst, the extra `codemod`."""

from pennon.codemod.removal.kept import Kept
from pennon.codemod.removal.planning import Change, Plan, plan_removal
from pennon.codemod.removal.rewriting import Note, Rewritten, rewrite

__all__ = ["Change", "Kept", "Note", "Plan", "Rewritten", "plan_removal", "rewrite"]
