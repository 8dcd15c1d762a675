"""What the sessions of one connection keep of messages has a bound, and who keeps little does not notice it."""

from trio_worker.protocols.websocket.holding import FREE, LEAST, MESSAGES, Holding

LARGEST = 1 << 23


def test_one_session_may_keep_the_largest_message() -> None:
    assert Holding(LARGEST).keep(1, LARGEST)


def test_all_of_them_have_room_for_so_many_and_then_for_an_equal_share() -> None:
    holding = Holding(LARGEST)
    assert all(holding.keep(number, LARGEST) for number in range(MESSAGES))
    share = MESSAGES * LARGEST // (MESSAGES + 1)
    assert holding.keep(MESSAGES, share)
    assert not holding.keep(MESSAGES, share + 1)


def test_a_hundred_who_take_what_they_can_keep_no_more_than_twice_the_room() -> None:
    holding, kept = Holding(LARGEST), dict.fromkeys(range(100), 0)
    for _ in range(LARGEST // FREE):
        for number in kept:
            if holding.keep(number, kept[number] + FREE):
                kept[number] += FREE
    for number in kept:
        while kept[number] < LARGEST and holding.keep(number, kept[number] + FREE):
            kept[number] += FREE
    assert MESSAGES * LARGEST <= sum(kept.values()) <= 2 * MESSAGES * LARGEST + 100 * FREE


def test_small_messages_have_room_as_well() -> None:
    holding = Holding(1000)
    assert holding.keep(0, LEAST)
    assert not holding.keep(0, LEAST + 1)


def test_what_comes_in_one_read_does_not_count() -> None:
    holding = Holding(LARGEST)
    assert holding.keep(0, LARGEST)
    assert holding.keep(1, LARGEST)
    assert all(holding.keep(number, FREE) for number in range(2, 1000))
    assert holding.keep(2, MESSAGES * LARGEST // 3)  # Three keep something, not a thousand.


def test_there_is_room_again_when_somebody_keeps_no_more() -> None:
    holding = Holding(LARGEST)
    for number in range(100):
        assert holding.keep(number, LARGEST)
        assert holding.keep(-1, LARGEST)
        if number % 2:
            holding.leave(number)
        else:
            assert holding.keep(number, 0)
    holding.leave(-1)
    holding.leave(-1)
    assert all(holding.keep(number, LARGEST) for number in range(MESSAGES))
