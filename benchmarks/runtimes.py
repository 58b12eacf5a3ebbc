"""Which runtime serves an exported model best: LiteRT, ONNX Runtime or OpenCV's DNN.

Each candidate runs the same network in a process of its own; they are timed in turns.
Needs requirements.txt of this folder. Run it from the project's folder:

    python -m benchmarks runtimes [--model mini_xception] [--rounds 30] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

#: Name, threads.
CANDIDATES = [
    (name, threads)
    for name in ("LiteRT", "LiteRT CompiledModel", "ONNX Runtime", "OpenCV DNN")
    for threads in (1, 2)
]
FACES = 500


def litert(path: str, threads: int):
    from ai_edge_litert.interpreter import Interpreter

    interpreters = {}

    def run(crops):
        n = len(crops)
        if n not in interpreters:
            interpreters[n] = Interpreter(f"{path}.tflite", num_threads=threads)
            taken = interpreters[n].get_input_details()[0]["index"]
            interpreters[n].resize_tensor_input(taken, crops.shape)
            interpreters[n].allocate_tensors()
        interpreter = interpreters[n]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], crops)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


def litert_compiled(path: str, threads: int):
    from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, Options

    options = Options(cpu_options=CpuOptions(num_threads=threads))
    model = CompiledModel.from_file(f"{path}.tflite", options=options)
    (taken,), (given,) = model.create_input_buffers(0), model.create_output_buffers(0)

    def run(crops):
        out = np.empty((len(crops), 7), np.float32)
        for i, crop in enumerate(crops):  # its buffers have the exported batch of 1
            taken.write(crop)
            model.run_by_index(0, [taken], [given])
            out[i] = given.read(7, np.float32)
        return out

    return run


def onnx_runtime(path: str, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        f"{path}.onnx", options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda crops: session.run(None, {name: crops})[0]


def opencv(path: str, threads: int):
    import cv2

    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(f"{path}.onnx")

    def run(crops):
        net.setInput(crops)
        return net.forward()

    return run


LOADERS = {
    "LiteRT": litert,
    "LiteRT CompiledModel": litert_compiled,
    "ONNX Runtime": onnx_runtime,
    "OpenCV DNN": opencv,
}
MODULES = {
    "LiteRT": "ai_edge_litert.interpreter",
    "LiteRT CompiledModel": "ai_edge_litert.compiled_model",
    "ONNX Runtime": "onnxruntime",
    "OpenCV DNN": "cv2",
}


def serve(name: str, threads: int, path: str) -> None:
    """Serve one candidate: its start, then tasks as JSON lines."""
    start = time.perf_counter()
    __import__(MODULES[name])
    imported = time.perf_counter()
    run = LOADERS[name](path, threads)
    run(np.zeros((1, 192, 192, 3), np.float32))
    times = {"import": imported - start, "load": time.perf_counter() - imported}
    crops = np.load(f"{path}.npy").astype(np.float32)
    print(json.dumps({"version": name, **times}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if task["do"] == "predict":
            np.save(task["to"], np.concatenate([run(crops[i : i + 1]) for i in range(len(crops))]))
            print("{}", flush=True)
            continue
        batch = crops[: task["n"]]
        run(batch)
        repeat = max(1, 64 // task["n"])
        start = time.perf_counter()
        for _ in range(repeat):
            run(batch)
        seconds = (time.perf_counter() - start) / repeat / task["n"]
        print(json.dumps({"seconds": seconds}), flush=True)


def once(name: str, threads: int, path: str) -> None:
    """Go from nothing to a first result, for measuring a new process."""
    LOADERS[name](path, threads)(np.zeros((1, 192, 192, 3), np.float32))


def export(model: str, path: str) -> None:
    """Return the network as both files, some faces, and Keras' answers to them."""
    import keras

    from fer_core.datasets import demo
    from fer_core.models.catalogue import find_model
    from fer_core.preprocess import faces_to_crops, serving_graph

    folder = find_model(model)
    Path(f"{path}.tflite").write_bytes(folder.read_exported())
    core = keras.models.load_model(folder.checked("model.keras"))
    graph = serving_graph(core, folder.card.temperatures.as_trained, folder.card.tta == "flip")
    crops = faces_to_crops(demo.load(FACES, 0, 0).faces)
    np.save(f"{path}.npy", crops)
    np.save(f"{path}.keras.npy", graph.predict(crops.astype(np.float32), 50, verbose=0))
    graph.export(f"{path}.onnx", format="onnx", verbose=False)


def measure(model: str, rounds: int) -> dict[str, Any]:
    from benchmarks.versus import BATCHES, Side, environment, measure_cold, turns

    result: dict[str, Any] = {"machine": environment(), "model": model, "rounds": rounds}
    result["runtimes"] = {}
    me = [sys.executable, str(Path(__file__).resolve())]
    with ExitStack() as stack:
        path = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model")
        subprocess.run([*me, "export", model, path], check=True, stderr=subprocess.DEVNULL)
        truth = np.load(f"{path}.keras.npy")
        sides, failed = {}, {}
        for name, threads in CANDIDATES:
            label = f"{name}, {threads} thread{'s'[: threads > 1]}"
            errors = stack.enter_context(tempfile.TemporaryFile())
            try:
                sides[label] = stack.enter_context(
                    Side([*me, "serve", name, str(threads), path], errors)
                )
            except Exception as error:  # a runtime that cannot is a result as well
                failed[label] = str(error)
        for label, side in sides.items():
            side.ask(do="predict", to=f"{path}.out.npy")
            difference = float(np.abs(np.load(f"{path}.out.npy") - truth).max())
            result["runtimes"][label] = {"from keras": difference} | {
                key: side.started[key] for key in ("import", "load")
            }
        for n in BATCHES:
            times = turns(sides, rounds, lambda side, _, n=n: side.ask(do="time", n=n)["seconds"])
            for label, seconds in times["seconds"].items():
                result["runtimes"][label][f"per face, batch {n}"] = seconds
        commands = {
            f"{name}, {threads} thread{'s'[: threads > 1]}": [*me, "once", name, str(threads), path]
            for name, threads in CANDIDATES
        }
        cold = measure_cold({k: v for k, v in commands.items() if k in sides}, 5)
        for label, values in cold.items():
            result["runtimes"][label] |= {f"cold {key}": value for key, value in values.items()}
    return result | {"failed": failed}


def to_markdown(result: dict[str, Any]) -> str:
    """Return the runtimes that were tried, and those that failed with why."""
    from benchmarks.versus import BATCHES
    from fer_core.zoo.readme import table

    machine = result["machine"]
    rows = [
        (
            label,
            f"{of['import']:.2f}",
            f"{of['load']:.2f}",
            *(f"{of[f'per face, batch {n}'] * 1000:.2f}" for n in BATCHES),
            f"{of['cold seconds']:.2f}",
            f"{of['cold megabytes']:.0f}",
            f"{of['from keras']:.0e}",
        )
        for label, of in result["runtimes"].items()
    ]
    head = (
        "runtime",
        "import, s",
        "load and first result, s",
        *(f"ms per face, batch {n}" for n in BATCHES),
        "new process, s",
        "peak MB",
        "largest difference from Keras",
    )
    failed = [f"{label} failed: {why}." for label, why in result["failed"].items()]
    about = (
        f"{result['model']} on {machine['cores']} cores, {machine['processor']}; medians of "
        f"{result['rounds']} rounds in turns, Python's own start included in the new process. "
        "The app serves with LiteRT, one thread per interpreter, faces spread over the cores."
    )
    again = "Again: `python -m benchmarks runtimes --json docs/measured/runtimes.json`."
    return "\n\n".join([about, table(head, rows), *failed, again])


def main(arguments: list[str]) -> None:
    """Measure, print the table and write the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini_xception")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="Write the result to this file.")
    given = parser.parse_args(arguments)
    result = measure(given.model, given.rounds)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(to_markdown(result))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    match sys.argv[1:]:
        case ["serve", name, threads, path]:
            serve(name, int(threads), path)
        case ["once", name, threads, path]:
            once(name, int(threads), path)
        case ["export", model, path]:
            export(model, path)
        case arguments:
            main(arguments)
