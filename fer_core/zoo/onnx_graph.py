"""A network in the format ONNX as a function of TensorFlow, from which LiteRT's file is made.

The operations that networks for pictures are made of are known here; any other is refused by
name. The converters that know all of them (onnx2tf, onnx-tf) need many packages of fixed versions.

The picture has one fixed size and comes alone, so all shapes are known: what follows from shapes
and constants alone is computed once, by ONNX' own reference.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.errors import ModelError
from fer_core.zoo.onnx_operations import KNOWN, Node, Value

#: Operations on shapes and constants alone.
_FOLDED: Final = {
    "Constant", "ConstantOfShape", "Shape", "Gather", "Slice", "Expand", "Range", "Equal", "Where",
    "Floor", "Ceil", "ReduceProd",
}  # fmt: skip


def load(path: Path) -> tuple[Callable[[Any], Any], tuple[int | None, ...], int]:
    """Read a network.

    Args:
        path: The file.

    Returns:
        The function from one tensor to one tensor, the shape that it takes, and its number of
        parameters.

    Raises:
        ModelError: It is damaged, has no single input and output, or an unknown operation.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
        if any(one.external_data for one in model.graph.initializer):
            raise ModelError(f"{path.name} has weights that lie in another file: save it as one.")
        onnx.checker.check_model(model)
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"{path.name} is damaged, or no network in the format ONNX: {said[0]:.200}"
        ) from error
    graph = model.graph
    weights = {one.name: _single(onnx.numpy_helper.to_array(one)) for one in graph.initializer}
    given = [one for one in graph.input if one.name not in weights]
    if len(given) != 1 or len(graph.output) != 1:
        raise ModelError(
            f"{path.name} has {len(given)} inputs and {len(graph.output)} outputs: one of each is "
            "needed, the face and the emotions."
        )
    opsets = {one.domain: one.version for one in model.opset_import}
    for node in graph.node:
        known = node.op_type in KNOWN or node.op_type in _FOLDED
        if node.domain not in ("", "ai.onnx") or not known:
            named = f"{node.domain}.{node.op_type}".strip(".")
            raise ModelError(f"it has the operation '{named}', which is not known here.")
    shape = tuple(one.dim_value or None for one in given[0].type.tensor_type.shape.dim)
    call = functools.partial(
        _call, graph, weights, given[0].name, opsets.get("", opsets.get("ai.onnx", 0))
    )
    return call, shape, sum(one.size for one in weights.values())


def _single(array: np.ndarray) -> np.ndarray:
    """Return decimal numbers as float32, in which everything is computed here."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _call(graph: Any, weights: dict[str, np.ndarray], given: str, opset: int, x: Any) -> Any:
    from onnx import helper

    constants = {"": None} | weights
    values = {given: Value(x)}
    for node in graph.node:
        options = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "Shape" and node.input[0] in values:
            constants[node.output[0]] = np.array(values[node.input[0]].shape, np.int64)
        elif all(name in constants for name in node.input):
            constants |= zip(node.output, _fold(node, constants, opset), strict=False)
        elif node.op_type not in KNOWN:
            raise Node(node.op_type, options, opset, 1).refuse("of values that it computes")
        else:
            inputs = [values.get(name, constants.get(name)) for name in node.input]
            about = Node(node.op_type, options, opset, len(node.output))
            found = KNOWN[node.op_type](about, *inputs)
            outputs = found if isinstance(found, list) else [found]
            values |= zip(node.output, outputs, strict=False)
    return values[graph.output[0].name].plain()


def _fold(node: Any, constants: dict[str, Any], opset: int) -> list[np.ndarray]:
    """Compute an operation on constants."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.input if name]
    graph = helper.make_graph(
        [node],
        "constants",
        [helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(constants[name].dtype), constants[name].shape
        ) for name in names],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.output],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    found = ReferenceEvaluator(model).run(None, {name: constants[name] for name in names})
    return list(found)
