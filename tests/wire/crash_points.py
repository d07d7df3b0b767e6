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
    "store.poll_now": "send_webhook",
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
    "store.update:submitting>submitting": "lose_create_response",
    "provider.recent": "lose_create_response",
    "store.move:submitting>queued": "lose_create_request",
    "store.move:submitting>failed": "reject_prompt",
    "store.fail_over:submitting>queued": "rate_limit_create",
    "store.fail_over:queued>queued": "ask_after_rate_limit",
    # Members change their minds.
    "store.move:queued>cancelled": "cancel",
    "store.request_cancel": "cancel_late",
    "provider.cancel": "cancel_late",
    # The render or its file is not what it should be.
    "store.move:rendering>failed": "fail_render",
    "store.update:downloading>downloading": "corrupt_download",
    "store.move:downloading>failed": "exceed_max_bytes",
    # The place does not take it.
    "store.update:posting>posting": "get_proxy_error_for_post",
    "publisher.find_clip": "get_proxy_error_for_post",
    "store.move:posting>posting": "lock_thread",
    "publisher.direct_messages": "deny_posting",
    "store.move:posting>kept": "deny_posting_without_dms",
    "store.repost:kept>posting": "fetch",
    "store.update:fitting>fitting": "fail_to_open_dms",
    "store.move:fitting>kept": "ask_for_more_than_fits",
    "outbox.notify": "deny_history",
    "publisher.notify": "deny_history",
    "outbox.finish_notify": "deny_history",
    "outbox.reschedule": "deny_history_and_dms",
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
CANCELLABLE_POINTS = {"store.move:rendering>cancelled": "cancel_render"}


def before_and_after(points: dict[str, str]) -> dict[str, str]:
    """Return the points with their `before` and `after`."""
    return {
        f"{when} {each}": doing for each, doing in points.items() for when in ("before", "after")
    }
