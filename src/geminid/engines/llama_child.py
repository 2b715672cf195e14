"""The child process of the embedded engine: loads a model and serves it with llama.cpp's own HTTP server.

Run by ``llama_process.py`` as ``python -m geminid.engines.llama_child``. It is told what to do by one JSON line on
standard input, answers with one on standard output when it listens, and lives until its input ends. So it cannot
outlive its parent, however that dies. Its address is 127.0.0.1, its key came with the line and was never seen by
``ps``. Nothing of geminid but this file and what it plans with is imported: the memory is the model's.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from geminid.engines import gguf, llama_sizing

BATCH_TOKENS = 64
"""How many tokens of a prompt are read before the other streams get their turn and cancellation is seen. Measured:
512 would read prompts 8 % faster, and make the others wait for seconds."""

SPIN_COUNT = "1000"
"""How long libgomp's threads spin before they sleep. Measured: with its own default two busy neighbours on two
cores slow generation down tenfold, with this to a half; without neighbours there is no difference."""

PICTURE_BATCH_TOKENS = 512
"""The same with a projector: some models (Gemma 3, 256 tokens a picture) look at all of a picture at once, which
they cannot when it comes in several batches. It is llama.cpp's own default."""

_SPARE_HTTP_THREADS = 8


def main(adjust: Callable[[Any], None] = lambda params: None) -> NoReturn:
    """``adjust`` is given the parameters before they are used; ``bench/embedded.py`` tries others so."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever the native code prints is log
    config = json.loads(sys.stdin.readline() or "null")
    if config is None:
        sys.exit(0)
    _die_with(config["parent"])
    input_ends = threading.Thread(target=_exit_at_end_of_input, daemon=True)
    input_ends.start()
    try:
        server, told = _serve(config, adjust)
    except gguf.BadModelFile as error:
        sys.exit(f"geminid: {error}")
    except OSError as error:
        sys.exit(f"geminid: cannot read {Path(error.filename or config['weights']).name}: {error.strerror}")
    except RuntimeError:  # llama.cpp has said why, in the log
        sys.exit(1)
    answers.write(json.dumps({"port": int(server.listening_address.rpartition(":")[2]), **told}) + "\n")
    answers.close()
    input_ends.join()
    raise AssertionError("the thread ends with the process")


def _serve(config: dict[str, Any], adjust: Callable[[Any], None]) -> tuple[Any, dict[str, Any]]:
    """The running server, and what the parent wants to know of it."""
    header = gguf.read(Path(config["weights"]))
    if config["projector"]:
        _check_magic(Path(config["projector"]))
    sizes = llama_sizing.sizes(header, config["slots"], config["context_tokens"], llama_sizing.memory_bytes())
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # read when the library is loaded
    import xllamacpp

    params = _params(xllamacpp, config, sizes)
    # Repacked K-quants give a token other numbers in company than alone. Unpacked they are as fast.
    params.no_extra_bufts = header.k_quants
    adjust(params)
    server = xllamacpp.Server(params)
    return server, {
        "slots": sizes.slots,
        "context_tokens": sizes.context_tokens,
        "control_tokens": header.control_tokens,
    }


def _check_magic(projector: Path) -> None:
    """Raises BadModelFile, OSError: llama.cpp would not name the file."""
    with projector.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise gguf.BadModelFile(f"{projector.name} is not a GGUF file")


def _params(llama: Any, config: dict[str, Any], sizes: llama_sizing.Sizes) -> Any:
    """A slot has a cache of its own, in q8_0, read by flash attention.

    In this combination a token's numbers do not depend on what else is in the batch or came from the prompt cache:
    the same request gives the same bits (measured for Q4_0, Q4_1 and Q8_0 weights; with K-quants nearly so). One
    cache for all slots (``kv_unified``) or f16 does not have that.
    """
    params = llama.CommonParams()
    params.model.path = config["weights"]
    params.model_alias = {"embedded"}
    if config["projector"]:
        params.mmproj.path = config["projector"]
    params.n_parallel = sizes.slots
    params.n_ctx = sizes.slots * sizes.context_tokens
    params.kv_unified = False
    params.fit_params = False
    if sizes.quantised_cache:
        params.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.cache_type_k = params.cache_type_v = llama.ggml_type.GGML_TYPE_Q8_0
    params.cpuparams.n_threads = config["threads"] or llama_sizing.threads()
    params.cpuparams_batch.n_threads = params.cpuparams.n_threads
    params.n_batch = params.n_ubatch = PICTURE_BATCH_TOKENS if config["projector"] else BATCH_TOKENS
    params.cache_ram_mib = 0  # the parent chooses slots and says what is saved: it knows whose a prompt is
    params.cache_idle_slots = False
    if config["states"]:
        params.slot_save_path = config["states"] + os.sep
    params.n_threads_http = sizes.slots + _SPARE_HTTP_THREADS
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["key"]]
    params.ui = False
    params.sse_ping_interval = -1  # the prompt's progress is told instead, which a hung engine does not fake
    params.verbosity = 2
    return params


def _die_with(parent: int) -> None:
    """On Linux the kernel sees to it, also while a model loads. The end of the input does everywhere else."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _exit_at_end_of_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
