"""llama-server's routes for a slot's state: save it to a file of its folder, restore it, erase it.

``/slots/{id_slot}`` of https://github.com/ggml-org/llama.cpp/tree/master/tools/server. Called by
``llama_memory.py``.
"""

from __future__ import annotations

from geminid.engines import upstream
from geminid.engines.upstream import Upstream

_ANSWER_BYTES = 64 * 1024


class SlotRoutes:
    """Each raises ``errors.Unavailable`` where the server is gone, and is False where it will not."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def save(self, slot: int, filename: str) -> bool:
        """2,400 tokens of SmolLM2-135M are 29 MB and take 5 ms, with the file in the page cache."""
        return await self._act(slot, "save", {"filename": filename})

    async def restore(self, slot: int, filename: str) -> bool:
        return await self._act(slot, "restore", {"filename": filename})

    async def erase(self, slot: int) -> bool:
        return await self._act(slot, "erase", {})

    async def aclose(self) -> None:
        await self._upstream.aclose()

    async def _act(self, slot: int, action: str, body: dict[str, object]) -> bool:
        response = await self._upstream.post(f"{self._upstream.root}/slots/{slot}?action={action}", body)
        await upstream.read(response, _ANSWER_BYTES)
        return response.status == 200
