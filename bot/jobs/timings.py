"""How long the engine waits for what, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Every waiting time of the engine; tests run the same engine at another pace."""

    #: Gap between polls of a healthy render while few run, and while many do.
    poll_few_s: float = 5.0
    poll_many_s: float = 10.0
    #: From how many renders at one provider on "many" holds.
    many_renders: int = 20
    #: Gap between polls that cost nothing.
    poll_free_s: float = 1.0
    #: Longest a create may take.
    create_s: float = 90.0
    #: A create of unknown outcome is looked for only after this long: longer than any late request
    #: can still land (measured in simulation, 2026-11: 5 s paid twice, 65 s never did).
    quiet_s: float = 65.0
    #: An id the provider does not know counts as lost after this many answers with this gap.
    not_found_limit: int = 4
    not_found_gap_s: float = 60.0
    #: Polls without an answer past the deadline before a render is given up: about two hours.
    late_tries: int = 60
    #: Orders of one job that are not accepted, and how long that must go on, before it is given up.
    submit_tries: int = 60
    submit_give_up_s: float = 7200.0
    #: Back-off after errors: the first wait, doubling up to the last.
    backoff_first_s: float = 2.0
    backoff_last_s: float = 120.0
    #: Downloads (past the deadline) and posts in a row that may fail before the engine gives up.
    download_tries: int = 60
    post_tries: int = 120
    #: A post of unknown outcome is looked for, and tried again or elsewhere, only after this long.
    post_quiet_s: float = 65.0
    #: Tries to mirror a clip, or to remove all of one, before that is given up.
    outbox_tries: int = 30
    #: Clips downloaded and posted at a time.
    delivery_concurrency: int = 4
    #: A job in delivery is looked at again after this long, should its coroutine have died.
    delivery_check_s: float = 120.0
    #: Cards: least time between two edits, and age at which progress is no longer shown.
    card_gap_s: float = 3.0
    card_max_age_s: float = 3600.0
    #: The loop looks at the table at least this often, and at most this often for overdue rows.
    reconcile_max_gap_s: float = 5.0
    reconcile_min_gap_s: float = 0.25
    #: What the providers can do is asked for anew after this long, where they tell.
    refresh_s: float = 3600.0
    #: Work under way may finish for this long when the process stops.
    stop_s: float = 15.0
