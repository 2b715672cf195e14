"""The embedded model as a folder that vLLM reads: ``python model_folder.py FILE.gguf FOLDER``.

Run by the interpreter that has vLLM, with the packages ``gguf`` and ``accelerate`` beside it.
"""

import sys
from pathlib import Path

from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def write(gguf: Path, folder: Path) -> None:
    """Plain weights, where ``save_pretrained`` would keep them as GGUF has them; the head is the embedding."""
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype="bfloat16")
    del model.config.quantization_config
    model.config.save_pretrained(folder)
    tensors = {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
