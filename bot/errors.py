"""Every error of the bot, in one tree.

    SorabotError
    ├─ SettingsError               a setting is missing or wrong; the process exits with code 2
    ├─ RefusedError                refused before anything was charged
    │  ├─ BadOptionError             an option has a value that is not allowed
    │  ├─ UnsafePromptError          the prompt breaks a rule
    │  ├─ OverQuotaError             a limit of the member, a role or the guild is used up
    │  │  └─ OverBudgetError           the guild's budget is used up
    │  ├─ BlockedError               a moderator blocked this member
    │  ├─ ForbiddenByGuildError      the guild's settings do not allow this
    │  ├─ ModeratorsOnlyError        only members who may manage the guild can do this
    │  ├─ MissingPermissionError     the bot may not post where the clip must go
    │  ├─ NotYoursError              the job belongs to another member
    │  ├─ NoSuchJobError             this member can see no job with that id
    │  ├─ NoSuchClipError            this member can see no finished clip with that id
    │  ├─ ClipElsewhereError         the clip is in the member's direct messages
    │  ├─ RemixForbiddenError        the clip's owner turned remixes off
    │  ├─ ClipExpiredError           the clip's file expired and was removed
    │  ├─ TooLateError               the job is past the point where this can be done
    │  └─ NoProviderError            no configured provider can take the job now
    ├─ ProviderError               a failure at the provider or on the way there
    │  ├─ NotAcceptedError           the provider certainly accepted nothing; safe to send again
    │  ├─ UnknownOutcomeError        it may have accepted the request; never send it again blindly
    │  ├─ ProviderRejectedError      it rejects this request; sending it again changes nothing
    │  │  ├─ ModerationError           … because of its content
    │  │  └─ NotOfferedError           … because it lacks the model or the call; another may not
    │  ├─ ProviderAccountError       key rejected or balance used up
    │  ├─ ProviderTroubleError       429, 5xx, HTML or time-out of a safe call; try again later
    │  ├─ RemoteNotFoundError        it does not know this render id
    │  ├─ DuplicateRenderError       it answered two creates with one render id
    │  ├─ SourceGoneError            it lacks the source clip, or the call that would use it
    │  ├─ RenderFailedError          it reports that the render failed
    │  ├─ UnsupportedError           it has no such call
    │  ├─ BadClipError               the download is not the clip: truncated, HTML, not an MP4
    │  └─ OversizeClipError          the download exceeds the byte limit
    ├─ RenderLostError             the outcome of the paid call could not be found out
    ├─ DeadlineError               the job passed its deadline
    ├─ DeliveryError               a finished clip could not be posted
    │  ├─ ClipTooLargeError          it exceeds the channel's upload limit
    │  ├─ PlaceClosedError           channel gone, thread locked or permission lost
    │  └─ DeliveryTroubleError       Discord failed; post again later with the same nonce
    └─ StorageError                a failure of the database or the disk
       └─ SchemaTooNewError          a later release wrote the database

Members read `user_text`, which never holds a vendor's words or request ids; `str(error)` is for
the log.
"""

from __future__ import annotations

from typing import ClassVar


class SorabotError(Exception):
    """Root of the tree.

    detail     for the log; members never see it.
    user_text  the sentence that members read; each class has a default.
    """

    #: Whether trying the same step again later can succeed.
    retryable: ClassVar[bool] = False
    #: Whether the member gets the reservation back when a job fails with this error.
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
    """Refused before anything was charged; `user_text` says why and what would work."""

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
    """The prompt breaks a rule."""


class OverQuotaError(RefusedError):
    """A limit is used up; the text says which, what is left and when more returns."""


class OverBudgetError(OverQuotaError):
    """The clip costs more than is left of the guild's budget."""


class BlockedError(RefusedError):
    """A moderator blocked this member; the text says until when and why."""


class ForbiddenByGuildError(RefusedError):
    """The guild's settings do not allow this; the text says what they allow."""


class ModeratorsOnlyError(RefusedError):
    """The caller lacks the permission to manage the guild."""

    def __init__(self) -> None:
        super().__init__("Only those who may manage this server can do that.")


class MissingPermissionError(RefusedError):
    """The bot lacks a permission in the channel where the clip must go."""


class NotYoursError(RefusedError):
    """The job belongs to another member and the caller is no moderator."""


class NoSuchJobError(RefusedError):
    """No job with that id is visible to this member."""

    def __init__(self, job_id: str) -> None:
        shown = "".join(c for c in job_id if c.isalnum())[:12] or "?"
        super().__init__(f"I don't know a job `{shown}` here. `/sora status` lists yours.")


class NoSuchClipError(RefusedError):
    """No finished clip with that id is visible to this member in this guild."""

    def __init__(self, clip_id: str) -> None:
        # Drop the markup in what the member typed.
        shown = " ".join("".join(c if c.isalnum() else " " for c in clip_id).split())[:30] or "?"
        super().__init__(
            f"I don't know a clip `{shown}` here. Choose one from the list that opens as you type, "
            "or see `/sora history`."
        )


class ClipElsewhereError(RefusedError):
    """The member's clip was requested in this guild but posted in their direct messages."""

    def __init__(self, clip_id: str) -> None:
        super().__init__(
            f"`{clip_id}` could not be posted here: it is in your direct messages with me, and there "
            "you can remix, extend or repeat it."
        )


class ClipExpiredError(RefusedError):
    """The clip is visible to this member, but its file expired and was removed.

    keep_days  how many days files are kept now; None: for ever.
    """

    def __init__(self, clip_id: str, keep_days: int | None) -> None:
        kept = "" if keep_days is None else f": I keep clips for {keep_days} days"
        super().__init__(
            f"I removed the file of `{clip_id}`{kept}. So nobody can remix, extend or repeat it, "
            "whatever the video service still has. *Apps → Clip details* shows its words: "
            "`/sora generate` makes a clip of them anew."
        )


class RemixForbiddenError(RefusedError):
    """The clip's owner turned remixes off."""


class TooLateError(RefusedError):
    """The job is past the point where this can be done."""


class NoProviderError(RefusedError):
    """No configured provider can take the job now."""


class ProviderError(SorabotError):
    """A failure at the provider or on the way there."""

    default_text = "The video service had a problem."


class NotAcceptedError(ProviderError):
    """The provider certainly accepted nothing; `retry_after_s` is its own hint, if any."""

    retryable = True
    default_text = "The video service is not taking new work right now."

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class UnknownOutcomeError(ProviderError):
    """The provider may have accepted the request: it was sent and no usable response came."""

    default_text = "The video service did not say whether it took the order."


class ProviderRejectedError(ProviderError):
    """The provider rejects this request for good."""

    default_text = "The video service refused this order. Try other options or words."

    @property
    def code(self) -> str:
        """As for all errors, but `rejected_order` for this class itself: jobs are stored with it."""
        return "rejected_order" if type(self) is ProviderRejectedError else super().code


class ModerationError(ProviderRejectedError):
    """The provider rejects the content of the prompt, the reference image or the result."""

    default_text = (
        "The video service's content rules refused this. "
        "Rewording it, or leaving out real people and brands, often helps."
    )


class NotOfferedError(ProviderRejectedError):
    """The provider accepted nothing, because it lacks the model or the call."""

    default_text = "The video service does not make this any more: the bot's operator has to look."


class ProviderAccountError(ProviderError):
    """The key is rejected or the balance is used up; the operator must act."""

    default_text = "The video service is not available: the bot's operator has to look into it."


class ProviderTroubleError(ProviderError):
    """A call that is safe to repeat failed for now; `retry_after_s` is the provider's hint."""

    retryable = True

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RemoteNotFoundError(ProviderError):
    """The provider does not know this render id."""

    default_text = "The video service lost this job."


class DuplicateRenderError(ProviderError):
    """The provider answered the creates of two jobs with one render id; the first job keeps it."""

    default_text = "The video service mixed this clip up with another one, so I gave it up."


class SourceGoneError(ProviderError):
    """The provider accepted nothing: it lacks the source clip or the call for a remix or extension.

    The job may be sent again, composed from the parent's prompt and last frame.
    """

    default_text = "The video service no longer has the clip that this one starts from."


class RenderFailedError(ProviderError):
    """The provider reports that the render failed."""

    default_text = "The video service could not render this."


class UnsupportedError(ProviderError):
    """The provider has no such call."""

    default_text = "The video service can't do that."


class BadClipError(ProviderError):
    """The download is truncated, HTML or not an MP4. A second download may work."""

    retryable = True
    default_text = "The video service sent a broken file."


class OversizeClipError(ProviderError):
    """The download was stopped at the byte limit."""

    default_text = "The video service sent a file that is too large to handle."


class RenderLostError(SorabotError):
    """The outcome of the paid call could not be found out; the job is not sent a second time."""

    default_text = "I lost contact with the video service over this clip, so I gave it up."


class DeadlineError(SorabotError):
    """The job passed its deadline."""

    default_text = "The video service took too long."


class DeliveryError(SorabotError):
    """A finished clip could not be posted; the clip is kept."""

    refundable = False
    default_text = "Your clip is finished, but I could not post it. I kept it for you."


class ClipTooLargeError(DeliveryError):
    """The clip exceeds the channel's upload limit (413 or 40005)."""

    default_text = "Your clip is finished, but larger than uploads may be here. I kept it for you."


class PlaceClosedError(DeliveryError):
    """The channel is gone, the thread locked or a permission lost."""

    default_text = (
        "Your clip is finished, but I may no longer post where you asked for it. I kept it for you."
    )


class DeliveryTroubleError(DeliveryError):
    """Discord failed; post again later with the same nonce.

    is_unknown  whether Discord may have carried out the request, or may still do so.
    """

    retryable = True

    def __init__(self, detail: str = "", *, is_unknown: bool = True) -> None:
        super().__init__(detail)
        self.is_unknown = is_unknown


class StorageError(SorabotError):
    """The database or the disk failed, so the request was refused."""

    retryable = True
    default_text = "I can't reach my records right now, so nothing was started or charged."


class SchemaTooNewError(StorageError):
    """A later release of the bot wrote the database."""

    retryable = False
