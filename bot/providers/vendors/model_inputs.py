"""What the models of a vendor take, and the check of an operator's models against that."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bot.errors import SettingsError
from bot.model import Operation, Size
from bot.providers.base import Model, ProviderRequest
from bot.providers.vendors.vendor import ProviderAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInputs:
    """The optional fields of a model, and its limits."""

    #: None: not known.
    sizes: tuple[Size, ...] | None = None
    seconds: range = range(1, 61)
    #: The field of the first frame.
    image_field: str = "image"
    has_audio: bool = False
    has_seed: bool = False
    #: Whether the model takes a resolution; otherwise its name alone decides it.
    has_resolution: bool = True
    #: The field that decides the resolution, and its words for one; None: the usual words.
    resolution_field: str = "resolution"
    resolution_words: Mapping[str, str] | None = None
    #: Whether the aspect ratio is sent along with an image; otherwise the image decides it.
    aspect_ratio_with_image: bool = True
    #: What follows the number of seconds where that is text.
    duration_unit: str = ""

    def audio_and_seed(
        self,
        request: ProviderRequest,
        account: ProviderAccount,
        audio_field: str = "generate_audio",
    ) -> dict[str, object]:
        """Return the fields for sound and seed that the model takes."""
        fields: dict[str, object] = {}
        if self.has_audio:
            fields[audio_field] = account.wants_audio(request.model)
        if self.has_seed:
            fields["seed"] = request.seed
        return fields


def check_inputs(
    variable: str, account: ProviderAccount, inputs_of: Callable[[str], ModelInputs]
) -> None:
    """Raise SettingsError naming `variable` unless all models keep to their inputs.

    inputs_of  returns the inputs of a model by its name.
    """
    for model in account.models:
        inputs = inputs_of(model.name)
        check_model(variable, model, sizes=inputs.sizes, seconds=inputs.seconds)


def check_model(
    variable: str,
    model: Model,
    *,
    sizes: Collection[Size] | None = None,
    seconds: range | None = None,
    operations: Collection[Operation] = (Operation.GENERATE,),
) -> None:
    """Raise SettingsError naming `variable` unless `model` keeps to what the API takes.

    sizes, seconds  None: not known, so not checked.
    operations      the API can do these natively.
    """
    name = repr(model.name)
    if odd := sorted(model.operations - set(operations)):
        allowed = f"{', '.join(sorted(operations))}; the bot composes the others"
        raise SettingsError(variable, f"{name} can't {' or '.join(odd)}", allowed)
    if sizes is not None and (odd := [str(size) for size in model.sizes if size not in sizes]):
        allowed = ", ".join(map(str, sizes))
        raise SettingsError(variable, f"{name} has no {', '.join(odd)}", allowed)
    if seconds is not None and (odd := [str(s) for s in model.seconds if s not in seconds]):
        allowed = ", ".join(map(str, seconds))
        if seconds.step == 1:
            allowed = f"{seconds[0]} to {seconds[-1]}"
        raise SettingsError(variable, f"{name} makes no {', '.join(odd)} s", f"{allowed} s")
