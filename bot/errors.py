"""Every error of the bot, in one tree.

    SorabotError
    ├─ SettingsError               a setting is missing or wrong; the process exits with code 2
    ├─ RefusedError                said no before anything was charged
    │  ├─ BadOptionError             an option has a value that is not allowed
    │  ├─ UnsafePromptError          the prompt broke a rule
    │  ├─ OverQuotaError             a limit of the member, a role or the server is used up
    │  │  └─ OverBudgetError           … of what the whole server may spend
    │  ├─ BlockedError               a moderator does not let this member make clips here
    │  ├─ ForbiddenByGuildError             the server's rules do not allow this here
    │  ├─ ModeratorsOnlyError        for those who may manage the server
    │  ├─ MissingPermissionError     the bot may not post where the clip must go
    │  ├─ NotYoursError              somebody else's job
    │  ├─ NoSuchJobError             no job of that id that this member may see
    │  ├─ NoSuchClipError            no finished clip of that id that this member may see
    │  ├─ ClipElsewhereError         the clip was asked for here and is in direct messages
    │  ├─ RemixForbiddenError        the clip's owner keeps it to themselves
    │  ├─ ClipExpiredError           the clip's file is past its time and was removed
    │  ├─ TooLateError               the job is past the point where this can be done
    │  └─ NoProviderError            no configured provider can take the order now
    ├─ ProviderError               the video API
    │  ├─ NotAcceptedError           the create certainly did not go through; safe to send again
    │  ├─ UnknownOutcomeError        the create may have gone through; never send again blindly
    │  ├─ ProviderRejectedError         the API refuses this order; sending it again changes nothing
    │  │  ├─ ModerationError           … because of what it shows
    │  │  └─ NotOfferedError           … because it lacks the model or the call; another may have it
    │  ├─ ProviderAccountError       key refused or balance used up
    │  ├─ ProviderTroubleError       429, 5xx, HTML, time-out on a harmless call; ask again later
    │  ├─ RemoteNotFoundError        the API does not know this id
    │  ├─ SourceGoneError            the API lacks the clip, or the call, that an order starts from
    │  ├─ RenderFailedError          the API reports that the render failed
    │  ├─ UnsupportedError           this provider has no such call
    │  ├─ BadClipError               what came down is not the clip: truncated, HTML, no MP4
    │  └─ OversizeClipError          what came down is larger than the cap
    ├─ RenderLostError             the job's fate at the provider could not be found out
    ├─ DeadlineError               the job took longer than it may
    ├─ DeliveryError               a finished clip could not be posted
    │  ├─ ClipTooLargeError          over the upload limit of the place
    │  ├─ PlaceClosedError           channel gone, thread locked, permission lost
    │  └─ DeliveryTroubleError       Discord stumbled; post again later with the same nonce
    └─ StorageError                the database or the disk
       └─ SchemaTooNewError          the database was written by a later release

`user_text` is the sentence that a member reads; it never holds a vendor's words or request id.
`str(error)` is for the log.
"""

from __future__ import annotations

from typing import ClassVar


class SorabotError(Exception):
    """Root of the tree.

    detail     what the log shows; never shown to members.
    user_text  the sentence members read; the class has a default.
    """

    #: The same step may be tried again later and could then succeed.
    retryable: ClassVar[bool] = False
    #: The member gets the reservation back when a job ends with this.
    refundable: ClassVar[bool] = True
    default_text: ClassVar[str] = "Something went wrong on my side. Nothing was charged."

    def __init__(self, detail: str = "", *, user_text: str | None = None) -> None:
        super().__init__(detail or user_text or self.default_text)
        self.user_text = self.default_text if user_text is None else user_text

    @property
    def code(self) -> str:
        """The class's name in snake case, without "Error": what the database and metrics store."""
        name = type(self).__name__.removesuffix("Error")
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class SettingsError(SorabotError):
    """A setting is missing or wrong: `variable`, the `problem`, and what is `allowed`."""

    def __init__(self, variable: str, problem: str, allowed: str) -> None:
        super().__init__(f"{variable}: {problem}; allowed: {allowed}")
        self.variable = variable
        self.problem = problem
        self.allowed = allowed


class RefusedError(SorabotError):
    """Said no before anything was charged; `user_text` says why and what would work."""

    default_text = "I can't do that."

    def __init__(self, user_text: str) -> None:
        super().__init__(user_text, user_text=user_text)


class BadOptionError(RefusedError):
    """The option `field` has a value that is not allowed; the text says what is."""

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        hint = f" {allowed}" if allowed else ""
        super().__init__(f"**{field}**: {problem}{hint}")
        self.field = field


class UnsafePromptError(RefusedError):
    """The prompt broke a rule."""


class OverQuotaError(RefusedError):
    """A limit is used up; the text names it, what is left and when more returns."""


class OverBudgetError(OverQuotaError):
    """What the whole server may spend is used up, or nearly."""


class BlockedError(RefusedError):
    """A moderator does not let this member make clips here; the text says until when and why."""


class ForbiddenByGuildError(RefusedError):
    """The server's rules do not allow this here; the text says what they allow."""


class ModeratorsOnlyError(RefusedError):
    """The caller may not manage the server, or not any more."""

    def __init__(self) -> None:
        super().__init__("Only those who may manage this server can do that.")


class MissingPermissionError(RefusedError):
    """The bot lacks a permission in the place where the clip must go."""


class NotYoursError(RefusedError):
    """The job belongs to somebody else and the member is no moderator."""


class NoSuchJobError(RefusedError):
    """No job of that id that this member may see."""

    def __init__(self, job_id: str) -> None:
        shown = "".join(c for c in job_id if c.isalnum())[:12] or "?"
        super().__init__(f"I don't know a job `{shown}` here. `/sora status` lists yours.")


class NoSuchClipError(RefusedError):
    """No finished clip of that id that this member may see; one of another server is none."""

    def __init__(self, clip_id: str) -> None:
        # No markup of the asker's comes back.
        shown = " ".join("".join(c if c.isalnum() else " " for c in clip_id).split())[:30] or "?"
        super().__init__(
            f"I don't know a clip `{shown}` here. Choose one from the list that opens as you type, "
            "or see `/sora history`."
        )


class ClipElsewhereError(RefusedError):
    """The member's own clip, asked for in this server, could only be posted to them alone."""

    def __init__(self, clip_id: str) -> None:
        super().__init__(
            f"`{clip_id}` could not be posted here: it is in your direct messages with me, and there "
            "you can remix, extend or repeat it."
        )


class ClipExpiredError(RefusedError):
    """A clip that this member may use, whose file was removed after its time.

    keep_days  for how many days files are kept; None: for ever by now.
    """

    def __init__(self, clip_id: str, keep_days: int | None) -> None:
        kept = "" if keep_days is None else f": I keep clips for {keep_days} days"
        super().__init__(
            f"I removed the file of `{clip_id}`{kept}. So nobody can remix, extend or repeat it, "
            "whatever the video service still has. *Apps → Clip details* shows its words: "
            "`/sora generate` makes a clip of them anew."
        )


class RemixForbiddenError(RefusedError):
    """The clip's owner does not let others make something of it."""


class TooLateError(RefusedError):
    """The job is past the point where this can be done."""


class NoProviderError(RefusedError):
    """No configured provider can take the order now."""


class ProviderError(SorabotError):
    """Something at or on the way to the video API."""

    default_text = "The video service had a problem."


class NotAcceptedError(ProviderError):
    """The create certainly did not go through; `retry_after_s` is the API's own hint, if any."""

    retryable = True
    default_text = "The video service is not taking new work right now."

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class UnknownOutcomeError(ProviderError):
    """The create may have gone through: the body was sent and no usable answer came."""

    default_text = "The video service did not say whether it took the order."


class ProviderRejectedError(ProviderError):
    """The API refuses this order for good."""

    default_text = "The video service refused this order. Try other options or words."


class ModerationError(ProviderRejectedError):
    """The API refuses what the prompt, the picture or the result shows."""

    default_text = (
        "The video service's content rules refused this. "
        "Rewording it, or leaving out real people and brands, often helps."
    )


class NotOfferedError(ProviderRejectedError):
    """The API certainly took nothing, because it lacks the model or the call for it."""

    default_text = "The video service does not make this any more: the bot's operator has to look."


class ProviderAccountError(ProviderError):
    """The key is refused or the balance is used up: the operator must act."""

    default_text = "The video service is not available: the bot's operator has to look into it."


class ProviderTroubleError(ProviderError):
    """A harmless call failed in a way that passes; `retry_after_s` is the API's hint, if any."""

    retryable = True

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RemoteNotFoundError(ProviderError):
    """The API does not know this id."""

    default_text = "The video service lost this job."


class SourceGoneError(ProviderError):
    """A remix or extension certainly did not go through: its source or the call is not there.

    The same order may go out composed from the parent's words and picture.
    """

    default_text = "The video service no longer has the clip that this one starts from."


class RenderFailedError(ProviderError):
    """The API reports that the render failed."""

    default_text = "The video service could not render this."


class UnsupportedError(ProviderError):
    """This provider has no such call."""

    default_text = "The video service can't do that."


class BadClipError(ProviderError):
    """What came down is not the clip: truncated, HTML, not an MP4. A second download may work."""

    retryable = True
    default_text = "The video service sent a broken file."


class OversizeClipError(ProviderError):
    """What came down is larger than the byte cap; the download was stopped."""

    default_text = "The video service sent a file that is too large to handle."


class RenderLostError(SorabotError):
    """The job's fate at the provider could not be found out; it is not sent a second time."""

    default_text = "I lost contact with the video service over this clip, so I gave it up."


class DeadlineError(SorabotError):
    """The job took longer than it may."""

    default_text = "The video service took too long."


class DeliveryError(SorabotError):
    """A finished clip could not be posted; the clip is kept."""

    refundable = False
    default_text = "Your clip is finished, but I could not post it. I kept it for you."


class ClipTooLargeError(DeliveryError):
    """The clip is over the upload limit of the place (413 or 40005)."""

    default_text = "Your clip is finished, but larger than uploads may be here. I kept it for you."


class PlaceClosedError(DeliveryError):
    """The channel is gone, the thread locked or a permission lost."""

    default_text = (
        "Your clip is finished, but I may no longer post where you asked for it. I kept it for you."
    )


class DeliveryTroubleError(DeliveryError):
    """Discord stumbled; post again later with the same nonce.

    is_unknown  whether it may have done what it was asked, or still be doing it.
    """

    retryable = True

    def __init__(self, detail: str = "", *, is_unknown: bool = True) -> None:
        super().__init__(detail)
        self.is_unknown = is_unknown


class StorageError(SorabotError):
    """The database or the disk refused; nothing was let through."""

    retryable = True
    default_text = "I can't reach my records right now, so nothing was started or charged."


class SchemaTooNewError(StorageError):
    """The database was written by a later release of the bot."""

    retryable = False
