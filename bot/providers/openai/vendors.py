"""The settings of gateways and self-hosted servers with OpenAI's Videos API."""

from dataclasses import replace
from datetime import date

from bot.model import Operation
from bot.providers.openai import dialects
from bot.providers.openai.provider import OpenAIProvider
from bot.providers.vendors.vendor import Vendor

_VERIFIED_ON = date(2026, 11, 20)


AZURE = Vendor(
    name="azure",
    title="Azure OpenAI",
    prefix=dialects.AZURE.prefix,
    key_variable="AZURE_OPENAI_API_KEY",
    models_example="my-deployment seconds=4,8,12 sizes=1280x720,720x1280 usd_per_second=0.10 "
    'image=yes audio=yes remix=yes label="Sora 2"',
    requests_per_minute=2,
    make_provider=lambda account: OpenAIProvider(account, dialects.AZURE),
    verified=(
        "Microsoft's pages of 2025-12-01 and 2026-07-07. Not verified: whether any deployment still"
        " answers (the last retirement named is 2026-09-15), and what `model` is in its answers."
    ),
    verified_on=_VERIFIED_ON,
)
COMETAPI = Vendor(
    name="cometapi",
    title="CometAPI",
    prefix=dialects.COMETAPI.prefix,
    key_variable="COMETAPI_KEY",
    base_url="https://api.cometapi.com/v1",
    known_models={
        "sora-2": replace(
            dialects.OPENAI_MODELS["sora-2"],
            operations=frozenset({Operation.GENERATE, Operation.REMIX}),
            facts_source="CometAPI's pages; whether it still has the model is doubtful (2026-11-20)",
        )
    },
    models_example="my-model seconds=5,10 sizes=1280x720,720x1280 usd_per_second=0.05 image=yes",
    make_provider=lambda account: OpenAIProvider(account, dialects.COMETAPI),
    verified=(
        "apidoc.cometapi.com, and the source of the relay that its answers resemble. Not verified:"
        " which models it has now, prices, and the shape of each model's answers."
    ),
    verified_on=_VERIFIED_ON,
)
LITELLM = Vendor(
    name="litellm",
    title="a LiteLLM proxy",
    prefix=dialects.LITELLM.prefix,
    key_variable="LITELLM_PROXY_API_KEY",
    base_url_variable="LITELLM_PROXY_API_BASE",
    known_models=dialects.OPENAI_MODELS,
    models_example="my-alias seconds=4,8 sizes=1280x720 usd_per_second=0.10 image=yes remix=yes",
    make_provider=lambda account: OpenAIProvider(account, dialects.LITELLM),
    verified=(
        "Source at 02ac6ac5 and documentation of 2026-10-07. Not verified: rate headers, and which"
        " upstreams take remixes and extensions."
    ),
    verified_on=_VERIFIED_ON,
)
VLLM = Vendor(
    name="vllm",
    title="a vLLM-Omni server",
    prefix=dialects.VLLM.prefix,
    key_variable="VLLM_API_KEY",
    is_key_required=False,
    models_example="my-model seconds=4 sizes=832x480 usd_per_second=0 image=yes",
    max_concurrent=1,
    make_provider=lambda account: OpenAIProvider(account, dialects.VLLM),
    verified="Source and documentation at b82abf66 and 48e60262. No server was run.",
    verified_on=_VERIFIED_ON,
)
SGLANG = Vendor(
    name="sglang",
    title="an SGLang diffusion server",
    prefix=dialects.SGLANG.prefix,
    key_variable="SGLANG_API_KEY",
    is_key_required=False,
    models_example="my-model seconds=4 sizes=832x480 usd_per_second=0 image=yes",
    max_concurrent=1,
    make_provider=lambda account: OpenAIProvider(account, dialects.SGLANG),
    verified=(
        "Source and documentation at 2b72b4cc. No server was run; what a cancel answers was not"
        " read in the source."
    ),
    verified_on=_VERIFIED_ON,
)
