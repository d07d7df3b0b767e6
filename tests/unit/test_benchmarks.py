"""Each benchmark runs to its end and prints its table; the measured values are not checked."""

import re

import pytest

from benchmarks import (
    __main__,
    clip_search,
    latency,
    machine,
    memory,
    polling,
    readiness,
    reservations,
)
from benchmarks.figures import quantiles, table, verdict
from benchmarks.replay import replay


def test_quantiles_are_values_that_were_measured():
    found = quantiles([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (found.p50, found.p95, found.p99, found.worst) == (3.0, 5.0, 5.0, 5.0)
    assert (found.count, found.mean) == (5, 3.0)
    hundred = quantiles(range(1, 101))
    assert (hundred.p50, hundred.p95, hundred.p99) == (50, 95, 99)


def test_quantiles_of_nothing_are_refused():
    with pytest.raises(ValueError, match="nothing was measured"):
        quantiles([])


def test_a_table_lines_up_and_a_verdict_says_met_or_missed(capsys):
    table(["way", "s"], [("slow", 12.345), ("fast", 1)])
    verdict("≤ 3 s", is_met=False, found="12.3 s")
    verdict("≤ 3 s", is_met=True, found="1 s")
    assert capsys.readouterr().out.splitlines() == [
        "way       s",
        "slow  12.35",
        "fast      1",
        "",
        "budget ≤ 3 s: MISSED (12.3 s)",
        "budget ≤ 3 s: met (1 s)",
    ]


def test_the_machine_is_described():
    assert re.match(r"\d+ cores, \d+ GiB, Python 3\.", machine.describe())


def test_an_unknown_benchmark_is_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["speed"])
    assert "speed" in capsys.readouterr().err


async def test_latency_prints_each_command_beside_the_bare_bot(capsys):
    config = latency.LatencyConfig(rounds=1, commands=5, rest_s=0.1, with_encoder=False)
    await latency.run(config)
    printed = capsys.readouterr().out
    assert len(re.findall(r"bare /ping", printed)) == 4
    assert len(re.findall(r"/sora generate +\d", printed)) == 3
    assert "{'queued': 5, 'rendering': 5}" in printed
    assert len(re.findall(r"^budget .*: (met|MISSED)", printed, re.MULTILINE)) == 4
    assert "from WARNING on: 0 lines" in printed


async def test_memory_prints_the_peak_beside_clips_held_whole(capsys):
    config = memory.MemoryConfig(
        rounds=1, clip_bytes=2**20, small_bytes=2**16, settle_s=0.1, ready_after_s=0.3, at_once=4
    )
    await memory.run(config)
    printed = capsys.readouterr().out
    assert re.search(r"^ours +\d+\.\d\d +\d+\.\d$", printed, re.MULTILINE)
    assert re.search(r"^clips held in memory +\d+\.\d\d +\d+\.\d$", printed, re.MULTILINE)
    assert len(re.findall(r"^budget ours.*: (met|MISSED)", printed, re.MULTILINE)) == 2
    assert printed.count("from WARNING on: 0 lines") == 3


async def test_polling_carries_every_clip_through_the_real_flow(capsys):
    await polling.run(polling.PollingConfig(clips={3: 6}, simulated=60))
    printed = capsys.readouterr().out
    assert re.search(r"real flow, 3 in flight +6 +\d", printed)
    assert "clips 51 to 60" in printed


async def test_one_render_is_asked_for_by_its_id_until_it_is_ready():
    outcome = await replay([29.0], 1)
    # Without earlier renders to learn from, the first poll comes after 20 s and the next ones
    # every 5 s.
    assert (outcome.gets, outcome.lists) == (3, 0)
    assert outcome.delays_s == pytest.approx([1.0])


async def test_many_renders_are_asked_for_with_one_list():
    outcome = await replay([29.0] * 30, 30)
    assert outcome.gets == 0
    assert outcome.lists < 10
    assert len(outcome.delays_s) == 30
    assert all(0 <= delay_s <= 10 for delay_s in outcome.delays_s)


async def test_readiness_sees_each_clip_from_ready_to_posted(capsys):
    await readiness.run(readiness.ReadinessConfig(clips=2, ready_after_s=0.1))
    assert re.search(r"ready → posted.* \d+\.\d\d", capsys.readouterr().out)


async def test_clip_search_seeds_a_database_and_prints_each_question_beside_a_bare_look_up(capsys):
    await clip_search.run(clip_search.ClipSearchConfig(jobs=2_000, calls=3))
    printed = capsys.readouterr().out
    assert "with 2,000 jobs" in printed
    assert re.search(r"^bare look-up by key( +\d+\.\d\d){3}$", printed, re.MULTILINE)
    assert (
        len(re.findall(r"^\S.*; (?:5|30|500) channels(?: +\d+\.\d\d){6}$", printed, re.MULTILINE))
        == 39
    )
    assert re.search(r"^history, deep page( +\d+\.\d\d){6}$", printed, re.MULTILINE)
    assert len(re.findall(r"^budget .*: (met|MISSED)", printed, re.MULTILINE)) == 1


async def test_reservations_prints_each_outcome_beside_bare_rows(capsys):
    await reservations.run(reservations.ReservationsConfig(jobs=500, callers=4, calls=3, rounds=1))
    printed = capsys.readouterr().out
    assert re.search(r"^bare sqlite3: one SUM, the same rows( +[\d.,]+){6}$", printed, re.MULTILINE)
    assert re.search(r"^accepted( +[\d.,]+){6}$", printed, re.MULTILINE)
    assert len(re.findall(r"^refused: .*( +[\d.,]+){6}$", printed, re.MULTILINE)) == 3
    assert len(re.findall(r"^budget .*: (met|MISSED)", printed, re.MULTILINE)) == 1
