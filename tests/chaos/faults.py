"""The faults: each happens, lasts for a moment and is mended; the workers that it kills are its victims."""

import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
from support.http1 import Http1
from support.log import CHAIN_END
from support.processes import alive
from support.waiting import eventually

from chaos.client import TIMEOUT, Client, path_of
from chaos.instance import DEPLOYED, HARAKIRI, Instance
from chaos.ledger import Fault, Ledger, Outcome

# Seconds that the workers have to be replaced.
REPLACED = 40.0

# Answers in a row, each on a connection of its own, after which the instance counts as mended.
CALM = 6

# Connections that come at once while the workers have no descriptor left for them.
BURST = 30

# Descriptors that a worker then has beside those that it had open.
SPARE = 2


class Faults:
    """All that may happen to an instance.

    Args:
        instance: the one.
        ledger: where each fault is entered.
        make_client: makes a client whose requests are in the ledger as well.
        chance: what decides, made from the seed.
    """

    def __init__(
        self, instance: Instance, ledger: Ledger, make_client: Callable[[], Client], chance: random.Random
    ) -> None:
        self.instance = instance
        self.ledger = ledger
        self.make_client = make_client
        self.random = chance

    def names(self) -> list[str]:
        """Every fault that can happen to this instance."""
        log = "full_disk" if self.instance.disk is not None else "hanging_log_reader"
        return [
            "chain_reload",
            "sighup",
            "touch",
            "kill",
            "kill_amid_a_reload",
            "stop_and_continue",
            "blocked_loop",
            "memory_limit",
            "evil_memory_limit",
            "pause",
            "cheaper",
            "no_descriptors",
            "broken_deploy",
            "broken_deploy_by_sighup",
            log,
        ]

    def happen(self, name: str) -> Fault:
        """Have one fault happen, mend it, and wait until every worker serves."""
        fault = Fault(name, time.monotonic(), hurts_log=name in ("full_disk", "hanging_log_reader"))
        self.ledger.faults.append(fault)
        getattr(self, name)(fault)
        if fault.hurts_log:
            fault.ended = time.monotonic()
        self.wait_calm()
        fault.ended = time.monotonic()
        return fault

    def wait_calm(self) -> None:
        """Wait until every worker that the master wants serves, and a few requests in a row are answered."""
        eventually(self._all_serve, REPLACED, lambda: f"every worker serves\n{self.instance.story}")
        for _ in range(CALM):
            self.make_client().ask()

    def _all_serve(self) -> bool:
        """Look at each; one that has died is as it was until the master buries it, and a chain passes over the next."""
        workers = [each for each in self.instance.stats()["workers"] if each["status"] != "cheap"]
        return bool(workers) and all(alive(each["pid"]) and each["accepting"] for each in workers)

    def _replaced(self, before: list[int]) -> None:
        def look() -> bool:
            now = self.instance.worker_pids()
            return bool(now) and not set(now) & set(before) and not any(map(alive, before))

        eventually(look, REPLACED, lambda: f"workers other than {before}\n{self.instance.story}")

    @contextmanager
    def _chain(self) -> Iterator[None]:
        """Begin a chain reload, and wait at the end of a with block until every worker is another.

        The master sees up to a second later that its chain is over, and until then does not hear the order for the next
        one (core/master_utils.c, uwsgi_chain_reload).
        """
        before, chains = self.instance.worker_pids(), self.instance.count(CHAIN_END)
        self.instance.fifo("c")
        yield
        self._replaced(before)
        self.instance.wait_chain(chains + 1, REPLACED)

    def chain_reload(self, fault: Fault) -> None:
        """Replace one worker after the other."""
        with self._chain():
            pass

    def sighup(self, fault: Fault) -> None:
        """Replace the master's image and all workers at once."""
        before = self.instance.worker_pids()
        self.instance.signal(signal.SIGHUP)
        self._replaced(before)

    def touch(self, fault: Fault) -> None:
        """Touch the file of `touch-workers-reload`."""
        before = self.instance.worker_pids()
        # The master compares whole seconds.
        later = self.instance.touched.stat().st_mtime + 2
        os.utime(self.instance.touched, (later, later))
        self._replaced(before)

    def kill(self, fault: Fault) -> None:
        """Kill a worker."""
        pid = self._worker()
        fault.victims.add(pid)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: pid not in self.instance.worker_pids())

    def kill_amid_a_reload(self, fault: Fault) -> None:
        """Kill a worker of a chain reload at any moment of it."""
        with self._chain():
            time.sleep(self.random.uniform(0, 2))
            pid = self._worker()
            fault.victims.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop_and_continue(self, fault: Fault) -> None:
        """Stop a worker for less time than harakiri gives it."""
        pid = self._worker()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.random.uniform(0.5, HARAKIRI / 2))
        os.kill(pid, signal.SIGCONT)

    def blocked_loop(self, fault: Fault) -> None:
        """Block the loop of a worker for longer than harakiri gives it: the master kills it."""
        self._end_a_worker(fault, f"block/{2 * HARAKIRI}", kills=True)

    def memory_limit(self, fault: Fault) -> None:
        """Have a worker grow beyond `reload-on-rss`."""
        self._end_a_worker(fault, "grow/1", kills=False)

    def evil_memory_limit(self, fault: Fault) -> None:
        """Have a worker grow beyond `evil-reload-on-rss`: the master kills it, if it has not left by then."""
        self._end_a_worker(fault, "grow/3", kills=True)

    def _end_a_worker(self, fault: Fault, kind: str, *, kills: bool) -> None:
        """Have one do what ends it, and wait for that: it is killed, or answers and is replaced."""
        entry = self.ledger.send("fault", kind.partition("/")[0])
        with Http1(self.instance.address, TIMEOUT) as client:
            client.request(path_of(entry, kind))
            pid = int(eventually(lambda: self._given(entry.number)))
            if kills:
                fault.victims.add(pid)
            try:
                client.response()
            except OSError as error:
                self.ledger.close(entry, Outcome.FAILED, repr(error))
            else:
                self.ledger.close(entry, Outcome.ANSWERED)
        eventually(lambda: not alive(pid), REPLACED, lambda: f"the end of {pid}\n{self.instance.story}")

    def _given(self, number: str) -> str:
        lines = [line.split() for line in self.instance.book.read_text().splitlines()]
        return next((pid for event, given, pid, _ in lines if given == number), "")

    def pause(self, fault: Fault) -> None:
        """Pause all workers and resume them."""
        self.instance.fifo("p")
        time.sleep(self.random.uniform(0.5, 3))
        self.instance.fifo("p")

    def cheaper(self, fault: Fault) -> None:
        """Take a worker away and bring another up, or the other way round."""
        for command in self.random.sample("+-", 2):
            self.instance.fifo(command)
            time.sleep(self.random.uniform(1, 2))

    def no_descriptors(self, fault: Fault) -> None:
        """Leave the workers next to no descriptors, while connections come at once."""
        limits = {}
        for pid, used in self.instance.descriptors().items():
            limits[pid] = psutil.Process(pid).rlimit(resource.RLIMIT_NOFILE)
            psutil.Process(pid).rlimit(resource.RLIMIT_NOFILE, (used + SPARE, limits[pid][1]))
        threads = [threading.Thread(target=self.make_client().ask) for _ in range(BURST)]
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(1, 3))
        for pid, limit in limits.items():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).rlimit(resource.RLIMIT_NOFILE, limit)
        for thread in threads:
            thread.join(TIMEOUT)

    def broken_deploy(self, fault: Fault) -> None:
        """Reload to code that does not compile, and a moment later mend it."""
        self.instance.code.write_text("app = (\n")
        with self._chain():
            time.sleep(self.random.uniform(1.5, 4))
            self.instance.code.write_text(DEPLOYED)

    def broken_deploy_by_sighup(self, fault: Fault) -> None:
        """Replace the master's image and all workers by code that does not compile, and a moment later mend it."""
        before = self.instance.worker_pids()
        self.instance.code.write_text("app = (\n")
        self.instance.signal(signal.SIGHUP)
        time.sleep(self.random.uniform(1.5, 4))
        self.instance.code.write_text(DEPLOYED)
        self._replaced(before)

    def full_disk(self, fault: Fault) -> None:
        """Fill the disk that the log is on."""
        assert self.instance.disk is not None
        filler = self.instance.disk / "filler"
        with filler.open("wb", buffering=0) as file:
            with suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            time.sleep(self.random.uniform(2, 5))
        filler.unlink()

    def hanging_log_reader(self, fault: Fault) -> None:
        """Have nobody read the log."""
        self.instance.reading.clear()
        time.sleep(self.random.uniform(3, 5))
        self.instance.reading.set()

    def _worker(self) -> int:
        return self.random.choice(sorted(self.instance.worker_pids()))
