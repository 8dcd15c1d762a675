"""What is remembered has an end in number and in size."""

from trio_worker.memory import Memory


def test_a_full_memory_forgets_all_but_the_new_answer() -> None:
    memory: Memory[bytes, int] = Memory(count=2, size=10)
    for number in range(3):
        assert memory.keep(b"%d" % number, number, 1) == number
    assert memory == {b"2": 2}


def test_what_is_too_large_is_not_kept() -> None:
    memory: Memory[bytes, int] = Memory(count=2, size=10)
    assert memory.keep(bytes(11), 1, 11) == 1
    assert not memory
    memory.keep(bytes(10), 1, 10)
    assert memory


def test_some_answers_are_never_forgotten() -> None:
    memory: Memory[bytes, int] = Memory(count=3, size=10, always={b"a": 1})
    for number in range(10):
        memory.keep(b"%d" % number, number, 1)
        assert memory[b"a"] == 1
        assert len(memory) <= 3
