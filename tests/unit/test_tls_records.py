"""The account of a connection's TLS records: counted however they come in pieces."""

import pytest

from trio_worker.transport.tls_records import FRUITFUL_FOR_BARREN, MOST_BARREN, RecordCount


def _record(size: int) -> bytes:
    return b"\x17\x03\x03" + size.to_bytes(2) + bytes(size)


@pytest.mark.parametrize("piece", range(1, 40))
def test_records_are_counted_in_pieces_of_any_size(piece: int) -> None:
    count = RecordCount()
    data = _record(22) * (MOST_BARREN - 2) + _record(0) + _record(300)
    for at in range(0, len(data), piece):
        count.add(data[at : at + piece])
    assert count.credit >= 0
    assert count.left == 0
    count.add(_record(0)[:4])
    assert count.credit >= 0
    count.add(_record(0)[4:])
    assert count.credit < 0


def test_what_the_record_under_way_lacks_is_known() -> None:
    count = RecordCount()
    count.add(_record(16000)[:1000])
    assert count.left == 16005 - 1000


def test_records_with_bytes_make_up_for_those_without() -> None:
    count = RecordCount()
    for _ in range(10 * MOST_BARREN):
        for _ in range(FRUITFUL_FOR_BARREN):
            count.add(_record(1))
            count.brought()
        count.add(_record(22))
    assert count.credit >= 0


def test_one_record_with_bytes_does_not_make_up_for_one_without() -> None:
    count = RecordCount()
    for _ in range(2 * MOST_BARREN):
        count.add(_record(1) + _record(22))
        count.brought()
    assert count.credit < 0


def test_records_that_were_not_counted_one_by_one_make_up_for_others() -> None:
    count = RecordCount()
    for _ in range(MOST_BARREN):
        count.add(_record(22))
    assert count.credit == 0
    count.fruitful += FRUITFUL_FOR_BARREN
    count.add(_record(22))
    assert count.credit == 0
    count.add(_record(22))
    assert count.credit < 0
    assert count.amid


@pytest.mark.parametrize("piece", range(1, 27))
def test_amid_a_record_is_known(piece: int) -> None:
    count = RecordCount()
    data = _record(22) * 3
    for at in range(0, len(data), piece):
        count.add(data[at : at + piece])
        assert count.amid is (min(at + piece, len(data)) % 27 != 0)
