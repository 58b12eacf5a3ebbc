"""Loading a SavedModel of TensorFlow from elsewhere.

A SavedModel is a program: some of TensorFlow's operations read and write files or run code. What
the served function reaches may therefore be made of arithmetic only, by a list of what is allowed,
and nothing may run while it is loaded.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from fer_core.errors import ModelError

#: Operations that networks are made of; LiteRT knows all of them.
_ARITHMETIC: Final = frozenset([
    "Abs", "Add", "AddN", "AddV2", "ArgMax", "AvgPool", "BatchMatMul", "BatchMatMulV2",
    "BatchMatMulV3", "BatchToSpaceND", "BiasAdd", "BroadcastTo", "Cast", "ConcatV2", "Const",
    "Conv2D", "DepthwiseConv2dNative", "Einsum", "Elu", "Equal", "Erf", "Exp", "ExpandDims",
    "Fill", "FusedBatchNormV3", "GatherV2", "Greater", "GreaterEqual", "Identity", "IdentityN",
    "LeakyRelu", "Less", "LessEqual", "Log", "LogSoftmax", "LogicalAnd", "LogicalNot",
    "LogicalOr", "MatMul", "Max", "MaxPool", "MaxPoolV2", "Maximum", "Mean", "Min", "Minimum",
    "MirrorPad", "Mul", "Neg", "NoOp", "OnesLike", "Pack", "Pad", "PadV2", "PartitionedCall",
    "Placeholder", "PlaceholderWithDefault", "Pow", "Prod", "Range", "ReadVariableOp", "RealDiv",
    "Relu", "Relu6", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor", "Round", "Rsqrt",
    "Select", "SelectV2", "Selu", "Shape", "Sigmoid", "Sin", "Slice", "Softmax", "Softplus",
    "Softsign", "SpaceToBatchND", "Split", "SplitV", "Sqrt", "Square", "SquaredDifference",
    "Squeeze", "StatefulPartitionedCall", "StatelessIf", "StopGradient", "StridedSlice", "Sub",
    "Sum", "Tanh", "Tile", "Transpose", "Unpack", "ZerosLike",
])  # fmt: skip
#: Parts of a saved object that are plain data; others would run something when they are loaded.
_PLAIN: Final = {"user_object", "function", "bare_concrete_function", "variable", "constant",
    "captured_tensor", None}  # fmt: skip
_SERVED: Final = "serving_default"


def load(path: Path) -> tuple[Callable[[Any], Any], tuple[int | None, ...], int]:
    """Load a SavedModel, after looking at every operation that its served function reaches.

    Args:
        path: The folder.

    Returns:
        The function from one tensor to one tensor, the shape that it takes, and its number of
        parameters.

    Raises:
        ModelError: It is damaged, has no single input and output, or does more than arithmetic.
    """
    import tensorflow as tf

    _check(path)
    try:
        loaded = tf.saved_model.load(str(path))
        served = loaded.signatures[_SERVED]
        parameters = sum(int(tf.size(variable)) for variable in served.variables)
    except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise ModelError(f"{path.name} cannot be loaded by this version of TensorFlow.") from error
    given = served.structured_input_signature[1]
    if len(given) != 1 or len(served.structured_outputs) != 1:
        raise ModelError(
            f"{path.name} has {len(given)} inputs and {len(served.structured_outputs)} outputs: "
            "one of each is needed, the face and the emotions."
        )
    ((name, spec),) = given.items()

    # The function alone would not keep the variables, which belong to what was loaded.
    def call(faces: Any, owner: Any = loaded) -> Any:
        (answer,) = served(**{name: tf.cast(faces, spec.dtype)}).values()
        return answer

    return call, tuple(spec.shape), parameters


def _check(path: Path) -> None:
    """Refuse what is no plain network.

    Raises:
        ModelError: It is none.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel()
    try:
        saved.ParseFromString((path / "saved_model.pb").read_bytes())
        (graph,) = saved.meta_graphs
        functions = {one.signature.name: one for one in graph.graph_def.library.function}
    except (OSError, ValueError, DecodeError) as error:
        raise ModelError(f"{path.name} is no SavedModel, or is damaged.") from error
    if not graph.HasField("object_graph_def"):
        raise ModelError(f"{path.name} was saved by TensorFlow 1: save it again with version 2.")
    nodes = graph.object_graph_def.nodes
    for node in nodes:
        if (kind := node.WhichOneof("kind")) not in _PLAIN:
            raise ModelError(f"{path.name} holds a {kind}, which is more than a network's weights.")
    # Functions besides the served one, such as those that trained it, are never called.
    served = _child(nodes, _child(nodes, nodes[0], "signatures"), _SERVED)
    if served is None:
        raise ModelError(f"{path.name} has no signature '{_SERVED}', which says what to call.")
    reached = [*served.function.concrete_functions]
    reached.append(served.bare_concrete_function.concrete_function_name)
    seen: set[str] = set()
    while reached:
        name = reached.pop()
        if name not in seen and name in functions:
            seen.add(name)
            reached += _check_nodes(functions[name].node_def, path.name)


def _child(nodes: Sequence[Any], parent: Any, name: str) -> Any:
    """Return the object that a name of another object stands for; ``None`` if there is none."""
    for child in parent.children if parent is not None else ():
        if child.local_name == name:
            return nodes[child.node_id]
    return None


def _check_nodes(nodes: Iterable[Any], name: str) -> list[str]:
    """Check operations, and return the functions that they call."""
    called = []
    for node in nodes:
        if node.op not in _ARITHMETIC:
            raise ModelError(
                f"{name} has the operation {node.op[:60]!r}, which is not one of those that a "
                "network of this kind is made of."
            )
        for value in node.attr.values():
            called += [value.func.name] if value.HasField("func") else []
            called += [one.name for one in value.list.func]
    return called
