"""Files on the Hugging Face hub: the address and the headers, by the hub's own library.

The library is an extra. It knows the endpoint (HF_ENDPOINT), the token (HF_TOKEN, or ``hf auth login``) and
whether to stay offline (HF_HUB_OFFLINE); the bytes come the way of all others, through ``download.py``.
"""

from __future__ import annotations

from geminid.engines.weights.download import Remote
from geminid.engines.weights.pins import File, WeightsError
from geminid.engines.weights.sources import Hub


def remote(source: Hub, file: File) -> Remote:
    """Where ``source`` is to be had. Raises WeightsError without the library, or when told to stay offline."""
    try:
        from huggingface_hub import constants, get_token, hf_hub_url
    except ImportError as error:
        raise WeightsError(
            f"{source} is on the Hugging Face hub, which needs one more package: pip install 'geminid[hub]'"
        ) from error
    if constants.HF_HUB_OFFLINE:
        raise WeightsError(f"{source} is on the Hugging Face hub, and HF_HUB_OFFLINE forbids to ask there.")
    try:
        url = hf_hub_url(source.repo, source.path, revision=source.revision)
    except ValueError as error:
        raise WeightsError(f"{source} is not a repository of the Hugging Face hub: {error}") from error
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    hint = (
        "The repository is private, wants its terms accepted, or does not exist: look at "
        f"{constants.ENDPOINT}/{source.repo}, then set HF_TOKEN."
    )
    return Remote(url, source.file_name, file.sha256, file.size, headers, hint)
