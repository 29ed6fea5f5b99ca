"""Ids that sort by the time of making."""

from __future__ import annotations

import os

from skunkqueue.ids import ID_LENGTH, new_id, new_ids


def test_ids_of_one_process_are_in_order_and_never_the_same() -> None:
    made = [new_id() for _ in range(20_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_that_are_made_together_are_in_order_with_those_before_and_after() -> None:
    made = [new_id(), *new_ids(3), new_id(), *new_ids(1_000), new_id()]

    assert made == sorted(made)
    assert len(set(made)) == len(made) == 1_006
    assert {len(one) for one in made} == {ID_LENGTH}


def test_an_id_is_24_hexadecimal_digits() -> None:
    made = new_id()

    assert len(made) == ID_LENGTH
    assert int(made, 16) >= 0
    assert made == made.lower()


def test_a_forked_child_does_not_repeat_its_parents_ids() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join(new_id() for _ in range(100)).encode())
        os._exit(0)
    os.close(write)
    ours = {new_id()[12:] for _ in range(100)}
    text = b""
    while part := os.read(read, 65_536):
        text += part
    os.close(read)
    os.waitpid(child, 0)
    theirs = {text[start + 12 : start + 24].decode() for start in range(0, len(text), ID_LENGTH)}

    assert len(theirs) == 100
    assert not ours & theirs
