"""All points at which tests kill the bot, and what members do so that the bot reaches the point.

A crash point is before or after a call of a port (store, provider, archive, publisher, outbox) that
changes something. The members' actions are functions in `tests.chaos.actions`.
"""

from __future__ import annotations

#: Calls that only read, or that no job depends on; these calls are no crash points.
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

#: Crash point → the action that leads to it, in a server with default settings.
DEFAULT_POINTS = {
    "store.extend_deadlines": "start",
    "store.defer_uncertain_posts": "start",
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
    # Crash points that are reached when a render fails or its file is bad.
    "store.move:rendering>failed": "fail_render",
    "store.update:downloading>downloading": "corrupt_download",
    "store.move:downloading>failed": "exceed_max_bytes",
    # Crash points that are reached when a clip can't be posted in its channel.
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

#: Crash points that are passed only after a job has lost two creates; the simulation covers them.
RARE_POINTS = ("store.move:queued>failed",)

#: Crash point → the action that leads to it, in a server that has a gallery and posts clips in
#: threads.
GALLERY_POINTS = {
    "publisher.open_thread": "ask",
    "publisher.mirror_clip": "ask",
    "outbox.finish_mirror": "ask",
    "publisher.remove_message": "delete",
    "publisher.remove_unrecorded_mirror": "delete_before_it_is_mirrored",
}

#: Crash point → the action that leads to it, where the second provider can cancel a render.
CANCELLABLE_POINTS = {"store.move:rendering>cancelled": "cancel_render"}


def before_and_after(points: dict[str, str]) -> dict[str, str]:
    """Return the crash points before and after each call, with the actions that lead to them."""
    return {
        f"{when} {each}": doing for each, doing in points.items() for when in ("before", "after")
    }
