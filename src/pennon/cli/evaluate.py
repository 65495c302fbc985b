"""`pennon eval` and `pennon explain`: what a context gets, and why."""

from typing import Annotated, Any

import typer
from rich.text import Text

from pennon.cli import options, output
from pennon.cli.connection import NO, Server, known_login, scope
from pennon.cli.values import parse_context

Flag = Annotated[str, typer.Argument(help="The flag's key.", show_default=False)]
Pairs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ATTRIBUTE=VALUE]...", help="Attributes of the context, as in targetingKey=u1 country=DE."),
]
Whole = Annotated[str | None, typer.Option("--context", "-c", help="The context as JSON, or @FILE with JSON or YAML.")]


def evaluate(
    flag: Flag,
    attributes: Pairs = None,
    context: Whole = None,
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Say what a context gets. Exit status 1 if the flag cannot be evaluated."""
    explained = _explained(flag, attributes, context, project, environment)
    evaluation = explained["evaluation"]
    if json:
        output.as_json(evaluation)
    elif evaluation["reason"] == "ERROR":
        output.error(f"{evaluation['errorCode']}: {evaluation.get('errorMessage') or ''}")
    else:
        output.say(output.sentence(evaluation["value"]))
        output.note(_sentence(evaluation))
    if evaluation["reason"] == "ERROR":
        raise typer.Exit(NO)


def explain(
    flag: Flag,
    attributes: Pairs = None,
    context: Whole = None,
    project: options.Project = None,
    environment: options.Environment = None,
    json: options.Json = False,
) -> None:
    """Say what a context gets and, step by step, why. Exit status 1 if the flag cannot be evaluated."""
    explained = _explained(flag, attributes, context, project, environment)
    evaluation = explained["evaluation"]
    if json:
        output.as_json(explained)
    else:
        for step in explained["steps"]:
            _show_step(step, depth=0)
        output.console().print()
        output.say(f"{output.sentence(evaluation['value'])}  {_sentence(evaluation)}")
    if evaluation["reason"] == "ERROR":
        raise typer.Exit(NO)


def _explained(
    flag: str, attributes: list[str] | None, context: str | None, project: str | None, environment: str | None
) -> Any:
    login = known_login()
    body = {"flag": flag, "context": parse_context(attributes or (), context)}
    with Server(login) as server:
        return server.send("POST", f"{scope(login, project, environment)}/explain", body)


def _sentence(evaluation: dict[str, Any]) -> str:
    parts = [f"variation {evaluation.get('variation') or '(the default of the caller)'}", evaluation["reason"]]
    if rule := evaluation.get("ruleId"):
        parts.append(f"rule {rule}")
    if evaluation.get("errorCode"):
        parts.append(f"{evaluation['errorCode']}: {evaluation.get('errorMessage') or ''}")
    return ", ".join(parts)


def _show_step(step: dict[str, Any], *, depth: int) -> None:
    matched = step.get("matched")
    mark = Text("✓ ", style="green") if matched else Text("✗ ", style="red") if matched is False else Text("· ", "dim")
    what = Text(str(step.get("what", "")), style="bold" if matched else "")
    why = Text(f"  {step['why']}" if step.get("why") else "", style="dim")
    output.console().print(Text("  " * depth) + mark + what + why)
    for inner in step.get("steps") or ():
        _show_step(inner, depth=depth + 1)
