"""The benchmarks with many jobs at once run to their end and print their tables."""

from __future__ import annotations

import re

from benchmarks import burst, fairness, inflight
from benchmarks.open_jobs import OpenJobs


async def test_inflight_prints_what_open_jobs_cost_beside_none(capsys):
    crowds = (OpenJobs(rendering=0), OpenJobs(rendering=30, queued=20))
    await inflight.run(inflight.InFlightConfig(loads=crowds, settle_s=2.0, watch_s=6.0))
    printed = capsys.readouterr().out
    assert "30 + 20: {'queued': 20, 'rendering': 30}" in printed
    assert re.search(r"^none \(baseline\) +\d", printed, re.MULTILINE)
    row = re.search(r"^30 rendering, 20 queued(?: +[\d.]+){6} +≤ \d+$", printed, re.MULTILINE)
    assert row is not None
    pages_per_s, heard_every_s = (float(each) for each in row.group().split()[7:9])
    assert pages_per_s > 0
    assert heard_every_s > 0
    assert len(re.findall(r"^budget .*: (met|MISSED)", printed, re.MULTILINE)) == 4


async def test_burst_counts_what_was_missed_and_what_was_refused(capsys):
    config = burst.BurstConfig(
        commands=40, within_s=0.8, rounds=1, open_jobs=OpenJobs(rendering=10), settle_s=0.5
    )
    await burst.run(config)
    printed = capsys.readouterr().out
    assert re.search(r"^1: bare /ping +40 ", printed, re.MULTILINE)
    assert "violations: 0" in printed
    assert len(re.findall(r"^budget .*: (met|MISSED)", printed, re.MULTILINE)) == 1


async def test_fairness_prints_who_is_served_when(capsys):
    await fairness.run(fairness.FairnessConfig(queued=6, others=3, slots=2, render_s=0.2))
    printed = capsys.readouterr().out
    assert re.search(r"^one with 6 +1 to 9 +1 to 6 ", printed, re.MULTILINE)
    assert re.search(r"^3 with one each +\d to \d +7 to 9 ", printed, re.MULTILINE)
    assert len(re.findall(r"^budget .*: (met|MISSED)", printed, re.MULTILINE)) == 1
