"""What a model takes in a request, where each model of a vendor has fields of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.model import Size
from bot.providers.base import ProviderRequest
from bot.providers.vendors.model_check import check_model
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
