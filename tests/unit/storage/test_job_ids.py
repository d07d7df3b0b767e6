from __future__ import annotations

from bot.model import ID_ALPHABET
from bot.storage.job_ids import draw_job_id


def test_an_id_is_four_unambiguous_letters_and_digits():
    drawn = [draw_job_id(lambda _job_id: False) for _ in range(500)]

    assert {len(job_id) for job_id in drawn} == {4}
    assert set("".join(drawn)) == set(ID_ALPHABET)
    assert len(set(drawn)) > 490


def test_an_id_that_is_taken_is_not_given_again():
    taken: set[str] = set()
    offered: list[str] = []

    def first_three_are_taken(job_id: str) -> bool:
        offered.append(job_id)
        if len(offered) <= 3:
            taken.add(job_id)
        return job_id in taken

    assert draw_job_id(first_three_are_taken) not in taken
    assert len(offered) >= 4


def test_ids_grow_when_the_short_ones_run_out():
    assert len(draw_job_id(lambda job_id: len(job_id) < 5)) == 5
    assert len(draw_job_id(lambda job_id: len(job_id) < 6)) == 6
