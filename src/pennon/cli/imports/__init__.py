"""`pennon import`: flags of other vendors, so that nobody's variation changes."""

from collections.abc import Callable
from typing import Annotated

import typer

from pennon.cli import connection, options
from pennon.cli.imports import importing, verifying
from pennon.cli.imports.files import Source
from pennon.importers.vendors import VENDORS

app = typer.Typer(
    help="Import flags of another vendor so that nobody's variation changes, and prove it.",
    no_args_is_help=True,
    add_completion=False,
)

File = Annotated[
    str, typer.Argument(help="What the vendor's SDKs receive, or its export; - for standard input.", show_default=False)
]
Dialect = Annotated[
    str | None,
    typer.Option(help="The vendor's SDK on your servers: they differ. Left out: lists them.", show_default=False),
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", help="NAME=FILE or NAME:=TEXT: what goes with the file. Repeat it."),
]


def _importing(vendor: str) -> Callable[..., None]:
    def command(
        file: File,
        dialect: Dialect = None,
        strict: Annotated[bool, typer.Option("--strict", help="Refuse unless every flag is exact.")] = False,
        skip_impossible: Annotated[
            bool,
            typer.Option("--skip-impossible", help="Import the others where a flag cannot be carried. Else: refuse."),
        ] = False,
        force: Annotated[
            bool, typer.Option("--force", help="Overwrite what people changed in Pennon since the last import.")
        ] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Change nothing; end with the status of the import itself.")
        ] = False,
        option: Option = None,
        project: options.Project = None,
        environment: options.Environment = None,
        why: options.Why = "",
        yes: options.Yes = False,
        json: options.Json = False,
    ) -> None:
        source = Source(vendor, file, dialect, option or ())
        wishes = importing.Wishes(strict, skip_impossible, force, dry_run, yes, why, json)
        importing.run(source, (project, environment), wishes)

    command.__doc__ = (
        f"Import flags and segments of {VENDORS[vendor]}, all as one change or none.\n\n"
        "Shows first, for each flag, how faithful it is, and for what is there already, what differs. A second import "
        "changes what differs; names, descriptions and tags stay as they are in Pennon, and no flag is deleted."
    )
    return command


for _vendor in VENDORS:
    app.command(_vendor)(_importing(_vendor))


@app.command()
def verify(
    vendor: Annotated[str, typer.Argument(help=f"One of {', '.join(VENDORS)}.", show_default=False)],
    file: File,
    dialect: Dialect = None,
    flag: Annotated[list[str] | None, typer.Option(help="Only this flag. Repeat it.")] = None,
    contexts: Annotated[int, typer.Option(help="How many contexts are drawn for each flag.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Draws the same contexts again, or others.")] = 0,
    served: Annotated[
        bool, typer.Option("--served", help="Compare what the environment has now, not what an import would make.")
    ] = False,
    option: Option = None,
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Ask the vendor's own SDK beside Pennon, for many contexts, and show every difference. Zero is the only pass.

    The SDK comes from PyPI or npm, in an exact version, into a folder of its own ($PENNON_CACHE, else the user's
    cache). It is given the file and no network. No server is needed but for --served.
    """
    if vendor not in VENDORS:
        known = ", ".join(VENDORS)
        connection.fail(f"there is no importer for {vendor!r}", mend=f"one of: {known}", status=connection.WRONG_USE)
    source = Source(vendor, file, dialect, option or ())
    place = (project, environment) if served else None
    found = verifying.run(source, flag or (), contexts=contexts, seed=seed, place=place)
    verifying.show(found, is_served=served, json=json)
