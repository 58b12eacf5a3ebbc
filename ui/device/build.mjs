// Writes static/device/: the worker and the recorder, each in one file, and LiteRT.js as its
// package has it.
//   cd ui/device && npm ci && npm run build

import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = import.meta.dirname;
const out = join(here, "../../static/device");
const litert = join(here, "node_modules/@litertjs/core");
const { devDependencies } = JSON.parse(readFileSync(join(here, "package.json")));

// The sources' checksum stands in the bundle, so that a test notices one left behind.
const sources = readdirSync(here).filter((name) => name.endsWith(".js")).sort();
const checksum = createHash("sha256");
for (const name of sources) checksum.update(readFileSync(join(here, name)));

const made = `// Made of ui/device (sha256 ${checksum.digest("hex")})\n`;
const target = ["chrome95", "firefox113", "safari16.4"];
const version = (name) => `${name} ${devDependencies[name]}`;

await build({
  entryPoints: [join(here, "worker.js")],
  outfile: join(out, "worker.js"),
  bundle: true,
  format: "iife", // LiteRT.js runs in classic workers only
  target,
  legalComments: "inline",
  banner: { js: `${made}// and ${version("@litertjs/core")}, Apache License 2.0. See build.mjs there.` },
});

await build({
  entryPoints: [join(here, "recorder.js")],
  outfile: join(out, "recorder.js"),
  bundle: true,
  minify: true,
  format: "esm",
  target,
  legalComments: "none", // the licence stands beside it, in LICENSE-mediabunny
  banner: { js: `${made}// and ${version("mediabunny")}, Mozilla Public License 2.0. See build.mjs there.` },
});
copyFileSync(join(here, "node_modules/mediabunny/LICENSE"), join(out, "LICENSE-mediabunny"));

// The build for browsers without relaxed SIMD, which all others run as well.
const runtime = join(litert, "wasm/litert_wasm_compat_internal");
copyFileSync(`${runtime}.js`, join(out, "litert.js"));
chmodSync(join(out, "litert.js"), 0o644);
writeFileSync(join(out, "litert.wasm.gz"), gzipSync(readFileSync(`${runtime}.wasm`), { level: 9 }));
