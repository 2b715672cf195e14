"""EfficientNet-Lite0, an image classifier of 4.7 million parameters, in NumPy.

The architecture is https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; the names of
the weights are those of https://github.com/lukemelas/EfficientNet-PyTorch. Used by ``labels.py``. Arrays of
features are height, width, channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIDE = 224

_BLOCKS = 16
_HALVING = (1, 3, 5, 11)
"""The blocks that halve height and width."""
_EPSILON = 1e-3
"""Of the batch normalisations, as TensorFlow has it."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution with its normalisation folded in. ``kernel``: rows, columns, channels in, channels out."""

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, slots=True)
class _Block:
    expand: _Layer | None
    depthwise: _Layer
    project: _Layer
    stride: int


class EfficientNetLite0:
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        """Raises KeyError when ``weights`` are those of another network."""
        self._stem = _folded(weights, "_conv_stem.weight", "_bn0")
        self._blocks = [_block(weights, index) for index in range(_BLOCKS)]
        self._head = _folded(weights, "_conv_head.weight", "_bn1")
        self._names = weights["_fc.weight"].T.copy()
        self._bias = weights["_fc.bias"]

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Of each of the 1000 classes, for a picture of ``SIDE`` x ``SIDE`` RGB pixels of one byte each."""
        import numpy as np

        features = _stemmed((pixels.astype(np.float32) - 127.0) / 128.0, self._stem)
        for block in self._blocks:
            features = _passed(features, block)
        features = _clipped(_pointwise(features, self._head)).mean(axis=(0, 1))
        scores = features @ self._names + self._bias
        likely = np.exp(scores - scores.max())
        return np.asarray(likely / likely.sum())


def _block(weights: dict[str, np.ndarray], index: int) -> _Block:
    def layer(name: str, norm: str) -> _Layer:
        return _folded(weights, f"_blocks.{index}.{name}.weight", f"_blocks.{index}.{norm}")

    return _Block(
        layer("_expand_conv", "_bn0") if index else None,  # the first has as many channels inside as outside
        layer("_depthwise_conv", "_bn1"),
        layer("_project_conv", "_bn2"),
        stride=2 if index in _HALVING else 1,
    )


def _folded(weights: dict[str, np.ndarray], name: str, norm: str) -> _Layer:
    import numpy as np

    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    kernel = weights[name].transpose(2, 3, 1, 0) * scale
    return _Layer(np.ascontiguousarray(kernel, np.float32), bias.astype(np.float32))


def _passed(features: np.ndarray, block: _Block) -> np.ndarray:
    inner = features if block.expand is None else _clipped(_pointwise(features, block.expand))
    inner = _clipped(_depthwise(inner, block.depthwise, block.stride))
    result = _pointwise(inner, block.project)
    return result + features if result.shape == features.shape else result


def _stemmed(pixels: np.ndarray, layer: _Layer) -> np.ndarray:
    import numpy as np

    rows, _, channels, _ = layer.kernel.shape
    patches = np.concatenate(_shifted(pixels, rows, stride=2), axis=2)
    return _clipped(patches @ layer.kernel.reshape(rows * rows * channels, -1) + layer.bias)


def _depthwise(features: np.ndarray, layer: _Layer, stride: int) -> np.ndarray:
    import numpy as np

    rows = layer.kernel.shape[0]
    shifted = _shifted(features, rows, stride)
    result = np.broadcast_to(layer.bias, shifted[0].shape).copy()
    product = np.empty_like(result)
    for view, kernel in zip(shifted, layer.kernel.reshape(rows * rows, -1), strict=True):
        np.multiply(view, kernel, out=product)
        result += product
    return result


def _shifted(features: np.ndarray, size: int, stride: int) -> list[np.ndarray]:
    """What each place of a kernel sees, row by row. Edges are padded as TensorFlow does: more at the end."""
    import numpy as np

    side = features.shape[0]
    out = -(-side // stride)
    missing = max(0, (out - 1) * stride + size - side)
    edge = (missing // 2, missing - missing // 2)
    padded = np.pad(features, (edge, edge, (0, 0)))
    reach = (out - 1) * stride + 1
    return [
        padded[row : row + reach : stride, column : column + reach : stride]
        for row in range(size)
        for column in range(size)
    ]


def _pointwise(features: np.ndarray, layer: _Layer) -> np.ndarray:
    result: np.ndarray = features @ layer.kernel[0, 0]
    result += layer.bias
    return result


def _clipped(features: np.ndarray) -> np.ndarray:
    """ReLU6, in place."""
    import numpy as np

    return np.clip(features, 0.0, 6.0, out=features)
