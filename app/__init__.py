"""The demonstration app: one small room per capability of a Quart-Trio app.

A room is a module with one blueprint, and knows nothing of the other rooms. This file only builds the
house: it makes the QuartTrio app, opens the rooms and names the app that a server loads as ``app:app``.

The rooms that break things on purpose (`app.faults`) stay shut unless the environment says
``TRIO_DEMO_FAULTS=1``.
"""

import os

from quart_trio import QuartTrio

from . import (
    background,
    chat,
    clock,
    disconnects,
    download,
    echo,
    errors,
    faults,
    hello,
    index,
    slow,
    status,
    thread,
    upload,
    websocket_echo,
)

ROOMS = (
    index.blueprint,
    hello.blueprint,
    echo.blueprint,
    download.blueprint,
    clock.blueprint,
    websocket_echo.blueprint,
    chat.blueprint,
    upload.blueprint,
    slow.blueprint,
    background.blueprint,
    thread.blueprint,
    status.blueprint,
)


def create_app(*, with_faults: bool = False) -> QuartTrio:
    """Build the app.

    Args:
        with_faults: open the fault rooms too; any client can then end or block the worker.
    """
    demo = QuartTrio(__name__)
    demo.request_class = upload.UploadRequest
    disconnects.handle(demo)
    errors.handle(demo)
    for room in ROOMS:
        demo.register_blueprint(room)
    if with_faults:
        demo.register_blueprint(faults.blueprint)
    return demo


app = create_app(with_faults=os.environ.get("TRIO_DEMO_FAULTS") == "1")
