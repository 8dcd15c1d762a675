"""The view that `top` has of an instance at one moment."""

from typing import Any

from trio_worker.status import tables
from trio_worker.status.client import Place, StatusError
from trio_worker.status.history import History

# Requests that are listed where nothing says how many there is room for.
LISTED = 20


class View:
    """The view at one moment.

    Attributes:
        state: the last answer of the instance.
        history: of the looks.
        order: of the requests.
        fault: why the last look has failed, "" where it has not.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.history = History()
        self.history.add(state)
        self.order = tables.ORDERS[0]
        self.fault = ""

    def look(self, place: Place) -> None:
        """Look at the instance again; one that is being reloaded may not answer for a moment."""
        try:
            self.state = place.ask("/state")
        except StatusError as error:
            self.fault = str(error)
        else:
            self.fault = ""
            self.history.add(self.state)

    def turn(self) -> None:
        """Sort the requests by the next of the orders."""
        self.order = tables.ORDERS[(tables.ORDERS.index(self.order) + 1) % len(tables.ORDERS)]

    @property
    def workers(self) -> tables.Table:
        """The table of the workers."""
        return tables.workers(self.state["workers"], self.history)

    def requests(self, most: int = LISTED) -> tables.Table:
        """Return the table of the requests, of so many at most."""
        return tables.requests(tables.in_order(self.state["requests"], self.order)[:most])
