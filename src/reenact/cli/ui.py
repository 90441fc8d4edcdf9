"""``reenact ui``: a local page with all runs."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING

import click

from .opened import say

if TYPE_CHECKING:
    from ..store.project import Store
    from ..ui.server import Server
    from ..ui.site import Page

_PORT = 7177
_MLFLOW_PORT = 5000


@click.command(name="ui", short_help="Look at all runs in the browser.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"Port of the page; {_PORT}, or a free one, when not given."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that it is served on.")
@click.option(
    "--read-only",
    is_flag=True,
    help="Names, tags and notes cannot be changed. Not with --mlflow: its page is never read-only.",
)
@click.option(
    "--mlflow",
    is_flag=True,
    help="MLflow's own page instead, on what was mirrored (needs the full `mlflow`, not mlflow-skinny).",
)
@click.option(
    "--open/--no-open",
    "show",
    default=None,
    help="Open the browser (by default where this is a terminal with a display).",
)
def command(port: int | None, host: str, read_only: bool, mlflow: bool, show: bool | None) -> int:
    """Serve a page with all runs of this project: filter, sort, group, compare, curves of runs that go on. Ctrl-C ends it.

    The page is served to this machine only, and to whoever has the address with its token. With --host 0.0.0.0 others reach it too.
    """
    from ..store.project import Store
    from ..ui.site import Page

    store = Store.open(os.getcwd())
    if mlflow:
        return _mlflow(store, host, port, show)
    page = Page(store, writable=not read_only)
    try:
        server = _server(page, host, port)
        with server:
            others = server.url_for_others
            sys.stdout.write(server.url + "\n" + (f"{others}\n" if others else ""))
            sys.stdout.flush()
            if not server.is_local:
                say("warning: whoever reaches this machine and has the address can read the runs; nothing is encrypted")
            elif os.environ.get("SSH_CONNECTION"):
                say(
                    f"from where you came: ssh -L {server.server_port}:127.0.0.1:{server.server_port} HOST, then open the address there"
                )
            say("Ctrl-C ends it")
            if _shown(show):
                webbrowser.open(server.url)
            server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        page.close()
    return 0


def _mlflow(store: Store, host: str, port: int | None, show: bool | None) -> int:
    from ..mirror.mlflowpage import serve

    def ready(url: str) -> None:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        say("Ctrl-C ends it")
        if _shown(show):
            webbrowser.open(url)

    def starting() -> None:
        say("MLflow's server is starting")
        say("MLflow's own page is not read-only: whoever opens it can change and delete the copies there")

    return serve(store, port or _MLFLOW_PORT, host, starting, ready)


def _server(page: Page, host: str, port: int | None) -> Server:
    from ..errors import ReenactError
    from ..ui.server import Server

    try:
        return Server(page, host, port or _PORT)
    except ReenactError as error:
        if port is not None or error.slug != "port-in-use":
            raise
        return Server(page, host, 0)


def _shown(asked: bool | None) -> bool:
    if asked is not None:
        return asked
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(sys.stdout.isatty() and display and not os.environ.get("SSH_CONNECTION"))
