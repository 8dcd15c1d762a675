"""The ledger's own judgement: what balances, what does not, and what a fault may explain."""

from pathlib import Path

import pytest

from chaos.ledger import Book, Entry, Fault, Ledger, Outcome

WORKER, OTHER = 100, 200


def judge(tmp_path: Path, entry: Entry, *notes: tuple[str, int], fault: Fault | None = None) -> list[str]:
    """Return what the ledger finds wrong with one entry, of which the app has noted `notes`."""
    path = tmp_path / "book"
    path.write_text("".join(f"{event} {entry.number} {pid} 1.000\n" for event, pid in notes))
    ledger = Ledger()
    ledger.entries.append(entry)
    ledger.faults += [fault] if fault else []
    return [complaint.partition(":")[0] for complaint in ledger.faulty(Book(path))]


def entry(outcome: Outcome | None, pid: int | None = None, ended: float = 12.0) -> Entry:
    return Entry("1", "http/1.1 0", "hello", sent=10.0, pid=pid, ended=ended, outcome=outcome)


def killed(pid: int, began: float = 11.0) -> Fault:
    return Fault("kill", began, began + 5, {pid})


UNKNOWN = "closed by 1012 while the app has answered, or does not know that it cannot"
BEGUN, THROUGH = ("begun", WORKER), ("answered", WORKER)


@pytest.mark.parametrize(
    ("outcome", "notes", "wrong"),
    [
        (Outcome.ANSWERED, [BEGUN, THROUGH], []),
        (Outcome.ANSWERED, [], ["answered, but not by the app"]),
        (Outcome.ANSWERED, [BEGUN], ["answered, but the app was not told that it is through"]),
        (
            Outcome.ANSWERED,
            [BEGUN, THROUGH, ("begun", OTHER), ("answered", OTHER)],
            ["given to the app 2 times, answered 2 times"],
        ),
        (Outcome.CANCELLED, [], []),
        (Outcome.CANCELLED, [BEGUN], []),
        (Outcome.TURNED_AWAY, [], []),
        (Outcome.TURNED_AWAY, [BEGUN, ("crossed", WORKER)], []),
        (Outcome.TURNED_AWAY, [BEGUN], [UNKNOWN]),
        (Outcome.TURNED_AWAY, [BEGUN, THROUGH], [UNKNOWN]),
        (Outcome.FAILED, [BEGUN], ["failed without a fault that explains it"]),
        (None, [], ["no outcome"]),
    ],
)
def test_what_balances(tmp_path: Path, outcome: Outcome | None, notes: list[tuple[str, int]], wrong: list[str]) -> None:
    assert judge(tmp_path, entry(outcome), *notes) == wrong


@pytest.mark.parametrize(
    ("fault", "explains"),
    [
        (killed(WORKER), True),
        (killed(OTHER), False),
        (killed(WORKER, began=13.0), False),
        (killed(WORKER, began=1.0), True),
        (Fault("chain_reload", 9.0, 13.0), False),
    ],
)
def test_a_failure_is_explained_by_the_death_of_its_own_worker_alone(
    tmp_path: Path, fault: Fault, explains: bool
) -> None:
    assert (judge(tmp_path, entry(Outcome.FAILED), BEGUN, fault=fault) == []) is explains
    assert (judge(tmp_path, entry(Outcome.FAILED, pid=WORKER), fault=fault) == []) is explains


def test_a_fault_of_the_log_may_not_hold_a_request_up(tmp_path: Path) -> None:
    fault = Fault("hanging_log_reader", 9.0, 20.0, hurts_log=True)
    assert judge(tmp_path, entry(Outcome.ANSWERED), BEGUN, THROUGH, fault=fault) == []
    (wrong,) = judge(tmp_path, entry(Outcome.ANSWERED, ended=15.0), BEGUN, THROUGH, fault=fault)
    assert wrong.startswith("held up for 5.0 s by a fault of the log")


def test_a_request_that_nobody_has_sent(tmp_path: Path) -> None:
    path = tmp_path / "book"
    path.write_text("begun 7 100 1.000\n")
    assert Ledger().faulty(Book(path)) == ["the app was given 7, which nobody sent"]


def test_a_failure_on_an_unknown_worker_is_explained_while_the_fault_lasts(tmp_path: Path) -> None:
    assert judge(tmp_path, entry(Outcome.FAILED), fault=killed(WORKER)) == []
    assert judge(tmp_path, entry(Outcome.FAILED), fault=killed(WORKER, began=1.0)) != []
