"""Run a shop and a Pennon server for it: `python -m examples.checkout`."""

import json
import signal
import socket
import sys
from typing import Annotated

import typer
import uvicorn

from examples.checkout.pennon_server import FLAG, Pennon, own_server
from examples.checkout.shop import shop
from pennon import Client

_HOST = "127.0.0.1"
_READY_S = 30


Port = Annotated[int, typer.Option(help="The shop's port. 0: a free one, and what is printed is a line of JSON.")]


def main(port: Port = 8080) -> None:
    """Start Pennon and the shop, print how to reach them, and serve until interrupted."""
    # So that whoever ends this ends the Pennon server, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with own_server() as pennon, socket.create_server((_HOST, port)) as listening:
        url = f"http://{_HOST}:{listening.getsockname()[1]}"
        pennon.make_flag()
        server_key, client_key = pennon.key("server"), pennon.key("client", origins=[url])
        with Client(pennon.url, key=server_key) as client:
            client.wait_until_ready(_READY_S)
            app = shop(client, pennon_url=pennon.url, client_key=client_key)
            _say(url, pennon, client_key, as_json=port == 0)
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


def _say(url: str, pennon: Pennon, client_key: str, *, as_json: bool) -> None:
    if as_json:
        told = {"shop": url, "pennon": pennon.url, "token": pennon.token, "clientKey": client_key, "flag": FLAG}
        return print(json.dumps(told), flush=True)
    login = f"PENNON_URL={pennon.url} PENNON_TOKEN={pennon.token}"
    return print(
        f"The shop:         {url}",
        f"A tab asleep:     {url}/?asleep  (it hears of no change by itself)",
        f"The kill switch:  {login} pennon flag off {FLAG} --env production --why 'it charges twice'",
        f"And back again:   {login} pennon flag on {FLAG} --env production",
        "",
        "Open the tab that is asleep, throw the kill switch, and pay.",
        sep="\n",
        flush=True,
    )


if __name__ == "__main__":
    typer.run(main)
