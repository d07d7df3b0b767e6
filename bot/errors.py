"""Every error of the bot, in one tree whose root is SorabotError.

Members read `user_text`, which never holds a vendor's words or request ids; `str(error)` is for
the log.
"""

from typing import ClassVar


class SorabotError(Exception):
    """Root of all errors of the bot.

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
    """A request refused before anything was charged; `user_text` says why and what would work."""

    default_text = "I can't do that."

    def __init__(self, user_text: str) -> None:
        super().__init__(user_text, user_text=user_text)


class BadOptionError(RefusedError):
    """An option of a command, `field`, has a value that is not allowed; `allowed` names values that are."""

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        super().__init__(f"**{field}**: {problem} {allowed}".rstrip())
        self.field = field


class UnsafePromptError(RefusedError):
    """The prompt breaks a rule of the prompt check."""


class OverQuotaError(RefusedError):
    """A limit is used up; `user_text` names the limit, what is left and when more returns."""


class OverBudgetError(OverQuotaError):
    """The clip costs more than is left of the guild's budget."""


class OverBotBudgetError(OverQuotaError):
    """The operator's budget for the whole bot is used up; `variable` names its setting."""

    def __init__(self, user_text: str, variable: str) -> None:
        super().__init__(user_text)
        self.variable = variable


class BlockedError(RefusedError):
    """A moderator blocked this member; `user_text` says until when and why."""


class ForbiddenByGuildError(RefusedError):
    """The guild's settings do not allow the request; `user_text` says what they allow."""


class ModeratorsOnlyError(RefusedError):
    """The caller lacks the permission to manage the guild."""

    def __init__(self) -> None:
        super().__init__("Only those who may manage this server can do that.")


class MissingPermissionError(RefusedError):
    """The bot lacks a permission in the channel where the clip must be posted."""


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
    """The clip's file was removed because it expired; the member can still see the clip.

    keep_days  how many days the bot keeps files; None: for ever.
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


class SlowedDownError(OverQuotaError):
    """Providers refused several of the member's orders for their content, so the next one waits."""


class AlreadyOrderedError(RefusedError):
    """The member gave the same order a moment ago, such as by a second press of a button."""

    def __init__(self) -> None:
        super().__init__("You have just ordered that, and it is under way. I count it once.")


class TooLateError(RefusedError):
    """The job is past the point where it can be cancelled or changed."""


class NoProviderError(RefusedError):
    """No configured provider can take the job now."""


class ProviderError(SorabotError):
    """A call to a provider failed, at the provider or on the way there."""

    default_text = "The video service had a problem."


class ProviderPauseError(ProviderError):
    """Root of provider errors that pass: `retry_after_s` is the pause that the provider asks for."""

    retryable = True

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class NotAcceptedError(ProviderPauseError):
    """The provider certainly accepted nothing, so the paid call can be sent again."""

    default_text = "The video service is not taking new work right now."


class UnknownOutcomeError(ProviderError):
    """The provider may have accepted the request: it was sent and no usable response came."""

    default_text = "The video service did not say whether it took the order."


class ProviderRejectedError(ProviderError):
    """The provider rejects this request for good: sending it again changes nothing."""

    default_text = "The video service refused this order. Try other options or words."

    @property
    def code(self) -> str:
        """The code of any error, but `rejected_order` for this class itself: stored jobs have that code."""
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
    """The provider rejects the API key or the balance is used up; the operator must act."""

    default_text = "The video service is not available: the bot's operator has to look into it."


class ProviderTroubleError(ProviderPauseError):
    """A call that is safe to repeat failed for now: 429, 5xx, HTML or a time-out."""


class RemoteNotFoundError(ProviderError):
    """The provider does not know the id of a render."""

    default_text = "The video service lost this job."


class DuplicateRenderError(ProviderError):
    """The provider answered the creates of two jobs with one render id; the first job keeps it."""

    default_text = "The video service mixed this clip up with another one, so I gave it up."


class SourceGoneError(ProviderError):
    """The provider lacks the source clip of a remix or extension, or the call; it accepted nothing.

    The bot may send the job again, composed from the parent's prompt and last frame.
    """

    default_text = "The video service no longer has the clip that this one starts from."


class RenderFailedError(ProviderError):
    """The provider reports that the render failed."""

    default_text = "The video service could not render this."


class UnsupportedError(ProviderError):
    """The provider's API lacks the call, such as a cancel or a free check."""

    default_text = "The video service can't do that."


class BadClipError(ProviderError):
    """A downloaded clip is truncated, HTML or not an MP4. A second download may work."""

    retryable = True
    default_text = "The video service sent a broken file."


class OversizeClipError(ProviderError):
    """The download of a clip was stopped because it exceeds the byte limit."""

    default_text = "The video service sent a file that is too large to handle."


class RenderLostError(SorabotError):
    """Whether a provider accepted the paid call could not be found out; the job is not sent again."""

    default_text = "I lost contact with the video service over this clip, so I gave it up."


class DeadlineError(SorabotError):
    """The job was not rendered and downloaded before its deadline."""

    default_text = "The video service took too long."


class DeliveryError(SorabotError):
    """A finished clip could not be posted; the clip is kept."""

    refundable = False
    default_text = "Your clip is finished, but I could not post it. I kept it for you."


class ClipTooLargeError(DeliveryError):
    """The clip exceeds the channel's upload limit (413 or 40005)."""

    default_text = "Your clip is finished, but larger than uploads may be here. I kept it for you."


class PlaceClosedError(DeliveryError):
    """A finished clip can't be posted: channel gone, thread locked or a permission lost."""

    default_text = (
        "Your clip is finished, but I may no longer post where you asked for it. I kept it for you."
    )


class DeliveryTroubleError(DeliveryError):
    """Discord failed to post a clip; the bot posts again later with the same nonce.

    is_unknown  whether Discord may have posted the clip, or may still post it.
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
    """The database was written by a later release of the bot, so this release refuses to open it."""

    retryable = False
