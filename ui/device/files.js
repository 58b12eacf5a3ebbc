// Files of the app, kept in this browser: the second visit fetches none. An address
// carries its content's checksum, so what is kept is never out of date.

const STORE = "fer-device";

// The contents of `addresses`; other files, of an older version, are let go of.
export async function fetched(addresses) {
  const store = await self.caches?.open(STORE).catch(() => null);
  const contents = await Promise.all(addresses.map((address) => content(address, store)));
  for (const request of (await store?.keys()) ?? [])
    if (!addresses.includes(request.url)) store.delete(request);
  return contents;
}

async function content(address, store) {
  const kept = await store?.match(address);
  if (kept) return kept.arrayBuffer();
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  // A browser that is short of space keeps nothing; that is no reason not to go on.
  await store?.put(address, response.clone()).catch(() => {});
  return response.arrayBuffer();
}

// What a file compressed with gzip holds; whatever came uncompressed stays as it is.
export async function unpacked(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return buffer;
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
