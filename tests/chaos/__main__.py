"""`make chaos ARGS='--seed 7 --seconds 120'`: one run; its seed, printed first, makes the same faults happen again."""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from support.waiting import eventually

from chaos.clients import clients
from chaos.faults import Faults
from chaos.instance import Instance, can_mount, small_disk
from chaos.ledger import Book, Ledger, Outcome

# Seconds for the last connections to go once their clients have gone, and descriptors that a worker may then have open
# beyond those that it had before the first client: what threads and the resolver keep.
SETTLED, KEPT = 10.0, 4


def main(arguments: list[str] | None = None) -> int:
    """Run once; returns 0 when the ledger balances."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--seconds", type=float, default=120.0, help="no fault begins later")
    parser.add_argument("--faults", "--only", nargs="*", default=[], help="only these, in this order")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)
    with TemporaryDirectory(prefix="c") as directory:
        wrong = run(Path(directory), given.seed, given.seconds, given.faults)
    for each in wrong:
        print(f"WRONG: {each}")
    print(f"seed {given.seed}: " + ("the ledger does not balance" if wrong else "the ledger balances"), flush=True)
    return int(bool(wrong))


def run(directory: Path, seed: int, seconds: float, only: list[str]) -> list[str]:
    """Run once in a directory; returns all that is wrong."""
    chance, ledger = random.Random(seed), Ledger()
    on_disk = chance.random() < 0.5 and can_mount()
    if only:
        on_disk = "full_disk" in only
    with running(directory, on_disk) as instance:
        before = max(instance.descriptors().values())
        with clients(seed, ledger, instance.places) as make_client:
            faults = Faults(instance, ledger, make_client, chance)
            rounds = iter(only) if only else _order(faults.names(), chance)
            faults.wait_calm()
            _have_them_happen(faults, rounds, time.monotonic() + seconds)
        left = _left(instance, before)
        book = Book(instance.book)
    _report(ledger, book)
    return left + ledger.faulty(book)


@contextmanager
def running(directory: Path, on_disk: bool) -> Iterator[Instance]:
    """An instance that is ended, and leaves nothing, at the end of a with block."""
    instance = Instance(directory, on_disk)
    if instance.disk is None:
        with _started(instance):
            yield instance
    else:
        with small_disk(instance.disk), _started(instance):
            yield instance


@contextmanager
def _started(instance: Instance) -> Iterator[None]:
    instance.start()
    try:
        instance.wait_accepting(2)
        yield
    finally:
        instance.reading.set()
        instance.close()


def _order(names: list[str], chance: random.Random) -> Iterator[str]:
    while True:
        yield from chance.sample(names, len(names))


def _have_them_happen(faults: Faults, names: Iterator[str], deadline: float) -> None:
    start = time.monotonic()
    for name in names:
        if time.monotonic() > deadline:
            return
        fault = faults.happen(name)
        took = fault.ended - fault.began
        killed = f", killed {sorted(fault.victims)}" if fault.victims else ""
        print(f"{fault.began - start:6.1f} s  {name}: {took:.1f} s{killed}", flush=True)


def _left(instance: Instance, before: int) -> list[str]:
    """Look for connections and descriptors that the workers keep though their clients have gone."""
    try:
        eventually(lambda: not instance.open_connections(), SETTLED, lambda: f"{instance.open_connections()}")
    except AssertionError as error:
        return [f"connections are left: {error}"]
    now = instance.descriptors()
    return [
        f"worker {pid} has {count} descriptors, {before} before" for pid, count in now.items() if count > before + KEPT
    ]


def _report(ledger: Ledger, book: Book) -> None:
    """Print what each protocol sent and what came of it, and which fault each failure is explained by."""
    print(f"{'':15}{'sent':>7}" + "".join(f"{each.name.lower().replace('_', ' '):>14}" for each in Outcome))
    for name, counts in sorted(ledger.counts().items()):
        print(f"{name:15}{counts.total():7}" + "".join(f"{counts[each]:14}" for each in Outcome))
    total = sum(ledger.counts().values(), start=type(next(iter(ledger.counts().values())))())
    print(f"{'all':15}{total.total():7}" + "".join(f"{total[each]:14}" for each in Outcome))
    for fault in ledger.faults:
        failed = [entry for entry in ledger.entries if entry.outcome is Outcome.FAILED]
        count = sum(ledger.explained(entry, book) is fault for entry in failed)
        if count:
            print(f"explained by {fault.name} of {sorted(fault.victims)}: {count}")


if __name__ == "__main__":
    sys.exit(main())
