"""How many files a process may have open, and so how many streams it can hold."""

import resource

RESERVE = 512
"""What is left for all else: the database, the spool, the bus, and requests that are no streams."""


class TooFewFiles(ValueError):
    """More streams are wanted than files may be open. The text says the limit, and what to do."""


def streams_that_fit(wanted: int) -> int:
    """Raise this process's limit as far as it may be raised, and return for how many streams there is room.

    *wanted* if that is not 0. Raises `TooFewFiles` where it does not fit.
    """
    limit = _raised()
    room = limit - min(RESERVE, limit // 2)
    if not wanted:
        return room
    if wanted > room:
        raise TooFewFiles(
            f"{wanted} streams do not fit: a process here may have {limit} files open, of which {room} can be streams; "
            f"raise the limit to {wanted + RESERVE} (ulimit -n, or LimitNOFILE= in systemd's unit), "
            "or start more --workers with fewer --max-streams each"
        )
    return wanted


def _raised() -> int:
    """Return the limit, as high as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # some systems say that there is no limit, and then keep one
            return soft
    return hard if hard != resource.RLIM_INFINITY else 2**20
