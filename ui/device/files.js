// Files of the app, kept in this browser: the second visit fetches none. An address
// carries its content's checksum, so what is kept is never out of date.

const STORE = "fer-device";

// The contents of `addresses`; other files, of an older version, are let go of. `progress` is
// called with the share that has come, 0 to 1.
export async function fetched(addresses, progress = () => {}) {
  const store = await self.caches?.open(STORE).catch(() => null);
  const sizes = addresses.map(() => null);
  const note = (place) => (received, total) => {
    sizes[place] = [received, Math.max(received, total)];
    const sum = (side) => sizes.reduce((all, size) => all + size[side], 0);
    if (!sizes.includes(null)) progress(sum(0) / sum(1));
  };
  const contents = await Promise.all(
    addresses.map((address, place) => content(address, store, note(place))),
  );
  for (const request of (await store?.keys()) ?? [])
    if (!addresses.includes(request.url)) store.delete(request);
  return contents;
}

async function content(address, store, note) {
  const kept = await (await store?.match(address))?.arrayBuffer();
  if (kept) {
    note(kept.byteLength, kept.byteLength);
    return kept;
  }
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const total = Number(response.headers.get("content-length"));
  const reader = response.body.getReader();
  const chunks = [];
  let received = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    received += part.value.length;
    note(received, total);
  }
  const whole = new Blob(chunks);
  // A browser that is short of space keeps nothing; that is no reason not to go on.
  await store?.put(address, new Response(whole)).catch(() => {});
  return whole.arrayBuffer();
}

// What a file compressed with gzip holds; whatever came uncompressed stays as it is.
export async function unpacked(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return buffer;
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
