// LiteRT.js takes no input whose shape is open, and an exported model's first dimension,
// the number of faces, is. In memory it is set to one, which is what the server runs.

// The content of a .tflite file (a flatbuffer), changed in place.
export function oneAtOnce(content) {
  const view = new DataView(content);
  const number = (at) => view.getUint32(at, true);
  const follow = (at) => at + number(at);
  const field = (table, place) => {
    const fields = table - view.getInt32(table, true);
    const slot = 4 + 2 * place;
    const offset = slot < view.getUint16(fields, true) ? view.getUint16(fields + slot, true) : 0;
    return offset ? follow(table + offset) : null;
  };
  const entries = (vector) =>
    Array.from({ length: vector ? number(vector) : 0 }, (_, i) => vector + 4 + 4 * i);
  // Places as in TensorFlow Lite's schema: Model.subgraphs, SubGraph.tensors,
  // Tensor.shape_signature.
  for (const graph of entries(field(follow(0), 2)))
    for (const tensor of entries(field(follow(graph), 0)))
      for (const dimension of entries(field(follow(tensor), 7)))
        if (view.getInt32(dimension, true) === -1) view.setInt32(dimension, 1, true);
  return new Uint8Array(content);
}
