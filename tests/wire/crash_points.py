"""Every point at which the bot is killed, and what members do so that it comes there.

A point is a call of a port that writes, pays, fetches, keeps or posts; each is two, `before` and
`after`. `tests.chaos.actions` has the doings.
"""

from __future__ import annotations

#: Calls that only look, or that no job depends on.
READS = frozenset(
    {
        *("store.job", "store.request", "store.jobs_of", "store.jobs_of_message", "store.clip"),
        *("store.due", "store.providers_due", "store.renders_due", "store.next_due_at"),
        *("store.waiting", "store.slots_taken", "store.open_jobs", "store.finished_since"),
        *("store.recent_jobs", "store.position", "store.durations_s", "store.owner_of_remote"),
        *("store.read_ledger", "outbox.get", "outbox.due", "outbox.next_due_at"),
        *("outbox.mirror_of", "outbox.is_image_in_use", "provider.refresh", "provider.close"),
        "provider.check",
    }
)

#: Point → what members do, in a server that leaves everything as it comes.
DEFAULT_POINTS = {
    "store.extend_deadlines": "be_born",
    "store.defer_uncertain_posts": "be_born",
    "store.accept": "ask",
    "store.set_card": "ask",
    "store.claim_slot:queued>submitting": "ask",
    "provider.submit": "ask",
    "store.move:submitting>rendering": "ask",
    "provider.poll": "ask",
    "store.note_renders": "ask",
    "store.update:rendering>rendering": "cancel_late",
    "store.poll_now": "be_told_by_a_webhook",
    "store.move:rendering>downloading": "ask",
    "provider.download": "ask",
    "archive.put": "ask",
    "store.move:downloading>fitting": "ask",
    "store.move:fitting>posting": "ask",
    "archive.fetch": "ask",
    "publisher.post_clip": "ask_for_variants",
    "store.move:posting>done": "ask",
    "publisher.show_card": "ask",
    # The paid call goes wrong.
    "store.update:submitting>submitting": "lose_an_answer",
    "provider.recent": "lose_an_answer",
    "store.move:submitting>queued": "lose_an_order",
    "store.move:submitting>failed": "be_refused",
    "store.fail_over:submitting>queued": "be_turned_away",
    "store.fail_over:queued>queued": "come_after_one_turned_away",
    # Members change their minds.
    "store.move:queued>cancelled": "cancel",
    "store.request_cancel": "cancel_late",
    "provider.cancel": "cancel_late",
    # The render or its file is not what it should be.
    "store.move:rendering>failed": "have_a_render_fail",
    "store.update:downloading>downloading": "get_a_spoilt_file",
    "store.move:downloading>failed": "get_too_much",
    # The place does not take it.
    "store.update:posting>posting": "meet_a_proxy",
    "publisher.find_clip": "meet_a_proxy",
    "store.move:posting>posting": "lock_the_thread",
    "publisher.direct_messages": "close_the_channel",
    "store.move:posting>kept": "close_everything",
    "store.repost:kept>posting": "fetch",
    "store.update:fitting>fitting": "be_out_of_reach",
    "store.move:fitting>kept": "ask_for_more_than_fits",
    "outbox.notify": "blind_the_bot",
    "publisher.notify": "blind_the_bot",
    "outbox.finish_notify": "blind_the_bot",
    "outbox.reschedule": "blind_the_bot_and_stop_its_mouth",
    # A clip is taken back.
    "outbox.erase": "delete",
    "publisher.remove_clip": "delete",
    "archive.remove": "delete",
    "provider.delete": "delete",
    "outbox.finish_erase": "delete",
}

#: … in a server with a gallery that has its clips posted in threads.
GALLERY_POINTS = {
    "publisher.open_thread": "ask",
    "publisher.mirror_clip": "ask",
    "outbox.finish_mirror": "ask",
    "publisher.remove_message": "delete",
    "publisher.remove_unrecorded_mirror": "delete_before_it_is_mirrored",
}

#: … where the second video service can stop a render.
CANCELLABLE_POINTS = {"store.move:rendering>cancelled": "stop_a_render"}


def before_and_after(points: dict[str, str]) -> dict[str, str]:
    """Return the points with their `before` and `after`."""
    return {
        f"{when} {each}": doing for each, doing in points.items() for when in ("before", "after")
    }
