"""Text as every language sees it: well-formed Unicode, whatever a program put into its strings."""


def well_formed(text: str) -> str:
    """Return *text* with each lone surrogate as U+FFFD, and each pair of surrogates as the character it stands for.

    That is what JavaScript's `toWellFormed` returns, and what a UTF-8 encoder there hashes.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
