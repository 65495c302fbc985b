"""Options that commands share, so that they read the same everywhere."""

from typing import Annotated

import typer

Project = Annotated[
    str | None, typer.Option("--project", "-p", help="The project. Default: that of the login.", show_default=False)
]
Environment = Annotated[
    str | None, typer.Option("--env", "-e", help="The environment. Default: that of the login.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Why = Annotated[str, typer.Option("--why", "-w", help="Why; kept in the change log.")]
BreakGlass = Annotated[
    bool,
    typer.Option(
        "--break-glass", help="Without what the environment demands: takes --why, and the log says that you did."
    ),
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Show what it would change, and whom it would move, and change nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Queue = Annotated[
    bool,
    typer.Option("--queue", help="Keep it and send it again until the server takes it; it is made once."),
]
