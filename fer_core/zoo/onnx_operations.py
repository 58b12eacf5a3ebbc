"""ONNX' operations on values that depend on a picture, as operations of TensorFlow.

ONNX has channels before rows, TensorFlow on processors wants them last: a value remembers how it
lies and is turned only where an operation needs it otherwise.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fer_core.errors import ModelError

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def _tf() -> Any:
    import tensorflow as tf

    return tf


@dataclass(frozen=True)
class Value:
    """A tensor; of a picture, whether channels lie last."""

    tensor: Any
    last: bool = False

    def plain(self) -> Any:
        """Return the tensor as ONNX sees it."""
        return _tf().transpose(self.tensor, _TO_FIRST) if self.last else self.tensor

    def picture(self) -> Any:
        """Return the tensor with channels last."""
        return self.tensor if self.last else _tf().transpose(self.tensor, _TO_LAST)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape as ONNX sees it."""
        shape = tuple(int(n) for n in self.tensor.shape)
        return tuple(shape[i] for i in _TO_FIRST) if self.last else shape


@dataclass(frozen=True)
class Node:
    """An operation: its kind and options, and the constants among its inputs."""

    kind: str
    options: dict[str, Any]
    opset: int
    outputs: int

    def get(self, name: str, usual: Any = None) -> Any:
        """Return an option."""
        return self.options.get(name, usual)

    def refuse(self, what: str) -> ModelError:
        """Return the error that says what of this operation is not known here."""
        return ModelError(f"it has the operation '{self.kind}' {what}, which is not known here.")


def _value(x: Any) -> Value:
    """Return an input as a value, also where it is a constant."""
    return x if isinstance(x, Value) else Value(_tf().constant(np.asarray(x, np.float32)))


def _each(compute: Callable[..., Any]) -> Callable[..., Value]:
    """Return an operation on each number by itself."""
    return lambda node, x, *more: Value(compute(node, x.tensor, *more), x.last)


def _both(compute: Callable[[Any, Any], Any]) -> Callable[..., Value]:
    """Return an operation on pairs of numbers, with ONNX' broadcasting."""

    def do(node: Node, *inputs: Any) -> Value:
        values = [_value(one) for one in inputs]
        last = any(value.last for value in values)
        tensors = [_turned(value) if last else value.plain() for value in values]
        return Value(functools.reduce(compute, tensors), last)

    return do


def _turned(value: Value) -> Any:
    """Return a value with channels last, filled up to four dimensions."""
    if value.last:
        return value.tensor
    shape = value.shape
    wide = _tf().reshape(value.tensor, (1,) * (4 - len(shape)) + shape)
    return _tf().transpose(wide, _TO_LAST)


def _clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    low = node.get("min", low)
    high = node.get("max", high)
    x = x if low is None else _tf().maximum(x, np.float32(low))
    return x if high is None else _tf().minimum(x, np.float32(high))


def _cast(node: Node, x: Any) -> Any:
    if node.get("to") not in (1, 10, 11):  # float, half and double: all are float32 here
        raise node.refuse("to whole numbers")
    return x


def _prelu(node: Node, x: Value, slope: Any) -> Value:
    tf = _tf()
    slope = _turned(_value(slope)) if x.last else _value(slope).plain()
    return Value(tf.nn.relu(x.tensor) - slope * tf.nn.relu(-x.tensor), x.last)


def _batch_norm(node: Node, x: Value, scale: Any, bias: Any, mean: Any, variance: Any) -> Value:
    factor = scale / np.sqrt(variance + np.float32(node.get("epsilon", 1e-5)))
    offset = bias - mean * factor
    if not x.last and len(x.shape) > 2:
        x = Value(x.picture(), last=True)
    return Value(x.tensor * factor + offset, x.last)


def _pads(
    node: Node, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> list[list[int]]:
    """Return what is to be added at the top, bottom, left and right of a picture."""
    auto = node.get("auto_pad", b"NOTSET").decode()
    dilations = node.get("dilations", [1, 1])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        both = [
            max(0, (-(-n // s) - 1) * s + r - n)
            for n, s, r in zip(size, strides, reach, strict=True)
        ]
        small = [n // 2 for n in both]
        found = [[a, n - a] for a, n in zip(small, both, strict=True)]
        return found if auto == "SAME_UPPER" else [one[::-1] for one in found]
    top, left, bottom, right = [0] * 4 if auto == "VALID" else node.get("pads", [0] * 4)
    found = [[top, bottom], [left, right]]
    if node.get("ceil_mode", 0):
        for pad, n, s, r in zip(found, size, strides, reach, strict=True):
            out = -(-(n + sum(pad) - r) // s) + 1
            # The last window has to begin inside the picture or before it.
            out -= (out - 1) * s >= n + pad[0]
            pad[1] = max(pad[1], (out - 1) * s + r - n - pad[0])
    return found


def _padded(x: Any, pads: list[list[int]], value: float = 0.0) -> Any:
    if not np.any(pads):
        return x
    return _tf().pad(x, [[0, 0], *pads, [0, 0]], constant_values=np.float32(value))


def _conv(node: Node, x: Value, kernel: Any, bias: Any = None) -> Value:
    tf = _tf()
    if not isinstance(kernel, np.ndarray) or kernel.ndim != 4:
        raise node.refuse("on something else than pictures")
    strides, dilations = node.get("strides", [1, 1]), node.get("dilations", [1, 1])
    groups, picture = node.get("group", 1), x.picture()
    picture = _padded(picture, _pads(node, x.shape[2:], kernel.shape[2:], strides))
    out, each, height, width = kernel.shape
    if groups > 1 and each == 1 and strides[0] == strides[1]:
        weights = kernel.reshape(groups, out // groups, height, width).transpose(2, 3, 0, 1)
        done = tf.nn.depthwise_conv2d(picture, weights, [1, *strides, 1], "VALID", None, dilations)
    else:
        weights = kernel.transpose(2, 3, 1, 0)
        done = tf.concat(
            [
                tf.nn.conv2d(part, filters, strides, "VALID", dilations=dilations)
                for part, filters in zip(
                    tf.split(picture, groups, -1), np.split(weights, groups, -1), strict=True
                )
            ],
            -1,
        )
    return Value(done if bias is None else done + np.asarray(bias), last=True)


def _max_pool(node: Node, x: Value) -> Value:
    if node.outputs > 1 or set(node.get("dilations", [1])) != {1}:
        raise node.refuse("with places or gaps")
    kernel, strides = node.get("kernel_shape"), node.get("strides", [1, 1])
    lowest = float(np.finfo(np.float32).min)
    picture = _padded(x.picture(), _pads(node, x.shape[2:], kernel, strides), lowest)
    return Value(_tf().nn.max_pool2d(picture, kernel, strides, "VALID"), last=True)


def _average_pool(node: Node, x: Value) -> Value:
    if set(node.get("dilations", [1])) != {1}:
        raise node.refuse("with gaps")
    tf = _tf()
    kernel, strides = node.get("kernel_shape"), node.get("strides", [1, 1])
    pads = _pads(node, x.shape[2:], kernel, strides)
    done = tf.nn.avg_pool2d(_padded(x.picture(), pads), kernel, strides, "VALID")
    if np.any(pads):
        # The share of each window that counts: added borders do only where the option says so.
        counts = np.ones((1, *x.shape[2:], 1), np.float32)
        own = _pads(Node("", node.options | {"ceil_mode": 0}, 0, 1), x.shape[2:], kernel, strides)
        border = own if node.get("count_include_pad", 0) else [[0, 0], [0, 0]]
        rest = [[a - c, b - d] for (a, b), (c, d) in zip(pads, border, strict=True)]
        counts = np.pad(counts, [[0, 0], *border, [0, 0]], constant_values=1)
        done /= tf.nn.avg_pool2d(_padded(tf.constant(counts), rest), kernel, strides, "VALID")
    return Value(done, last=True)


def _global(reduce: str) -> Callable[..., Value]:
    def do(node: Node, x: Value) -> Value:
        return Value(getattr(_tf(), reduce)(x.picture(), (1, 2), keepdims=True), last=True)

    return do


def _reduce(reduce: str) -> Callable[..., Value]:
    def do(node: Node, x: Value, axes: Any = None) -> Value:
        chosen = node.get("axes", None if axes is None else axes.tolist())
        keep = bool(node.get("keepdims", 1))
        return Value(getattr(_tf(), reduce)(x.plain(), chosen, keepdims=keep))

    return do


def _gemm(node: Node, a: Any, b: Any, c: Any = None) -> Value:
    a, b = _value(a).plain(), _value(b).plain()
    done = _tf().matmul(
        a, b, transpose_a=bool(node.get("transA", 0)), transpose_b=bool(node.get("transB", 0))
    ) * np.float32(node.get("alpha", 1.0))
    return Value(done if c is None else done + _value(c).plain() * np.float32(node.get("beta", 1)))


def _softmax(node: Node, x: Value) -> Value:
    axis = node.get("axis", 1 if node.opset < 13 else -1)
    if node.opset < 13 and axis not in (-1, len(x.shape) - 1):
        raise node.refuse("over several axes")
    compute = {"Softmax": _tf().nn.softmax, "LogSoftmax": _tf().nn.log_softmax}[node.kind]
    return Value(compute(x.plain(), axis))


def _flatten(node: Node, x: Value) -> Value:
    first = int(np.prod(x.shape[: node.get("axis", 1)]))
    return Value(_tf().reshape(x.plain(), (first, -1)))


def _reshape(node: Node, x: Value, shape: Any = None) -> Value:
    wanted = [int(n) for n in (node.get("shape") if shape is None else shape)]
    if not node.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return Value(_tf().reshape(x.plain(), wanted))


def _squeeze(node: Node, x: Value, axes: Any = None) -> Value:
    chosen = node.get("axes", None if axes is None else axes.tolist())
    return Value(_tf().squeeze(x.plain(), chosen))


def _unsqueeze(node: Node, x: Value, axes: Any = None) -> Value:
    chosen = node.get("axes", None if axes is None else axes.tolist())
    rank = len(x.shape) + len(chosen)
    rest, places = iter(x.shape), {axis % rank for axis in chosen}
    return Value(_tf().reshape(x.plain(), [1 if i in places else next(rest) for i in range(rank)]))


def _concat(node: Node, *inputs: Any) -> Value:
    values = [_value(one) for one in inputs]
    if all(value.last for value in values):
        return Value(_tf().concat([v.tensor for v in values], _TO_FIRST[node.get("axis")]), True)
    return Value(_tf().concat([value.plain() for value in values], node.get("axis")))


def _pad(node: Node, x: Value, pads: Any = None, value: Any = None, axes: Any = None) -> Value:
    mode = node.get("mode", b"constant").decode()
    if mode not in ("constant", "reflect") or axes is not None:
        raise node.refuse(f"of the kind '{mode}'")
    flat = list(node.get("pads", pads))
    both = np.array(flat, int).reshape(2, -1).T
    number = float(node.get("value", 0.0) if value is None else np.asarray(value))
    return Value(_tf().pad(x.plain(), both, mode.upper(), constant_values=np.float32(number)))


def _transpose(node: Node, x: Value) -> Value:
    return Value(_tf().transpose(x.plain(), node.get("perm")))


def _unary(name: str) -> Callable[..., Value]:
    def compute(node: Node, x: Any) -> Any:
        tf = _tf()
        return getattr(tf.nn if hasattr(tf.nn, name) else tf.math, name)(x)

    return _each(compute)


#: Operations on values that depend on the picture.
KNOWN: Final[dict[str, Callable[..., Any]]] = {
    "Relu": _unary("relu"),
    "Elu": _each(lambda n, x: _tf().nn.relu(x) + n.get("alpha", 1.0) * _tf().math.expm1(
        -_tf().nn.relu(-x))),
    "Selu": _unary("selu"),
    "Sigmoid": _unary("sigmoid"),
    "Tanh": _unary("tanh"),
    "Softplus": _unary("softplus"),
    "Sqrt": _unary("sqrt"),
    "Exp": _unary("exp"),
    "Abs": _unary("abs"),
    "Neg": _unary("negative"),
    "LeakyRelu": _each(lambda n, x: _tf().nn.leaky_relu(x, n.get("alpha", 0.01))),
    "HardSigmoid": _each(lambda n, x: _tf().clip_by_value(
        x * n.get("alpha", 0.2) + n.get("beta", 0.5), 0.0, 1.0)),
    "HardSwish": _each(lambda n, x: x * _tf().nn.relu6(x + 3.0) / 6.0),
    "Clip": _each(_clip),
    "Cast": _each(_cast),
    "Identity": _each(lambda n, x: x),
    "Dropout": _each(lambda n, x, *more: x),
    "PRelu": _prelu,
    "Add": _both(lambda a, b: a + b),
    "Sub": _both(lambda a, b: a - b),
    "Mul": _both(lambda a, b: a * b),
    "Div": _both(lambda a, b: a / b),
    "Pow": _both(lambda a, b: a**b),
    "Max": _both(lambda a, b: _tf().maximum(a, b)),
    "Min": _both(lambda a, b: _tf().minimum(a, b)),
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global("reduce_mean"),
    "GlobalMaxPool": _global("reduce_max"),
    "ReduceMean": _reduce("reduce_mean"),
    "ReduceMax": _reduce("reduce_max"),
    "ReduceSum": _reduce("reduce_sum"),
    "Gemm": _gemm,
    "MatMul": _gemm,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Pad": _pad,
    "Transpose": _transpose,
}  # fmt: skip
