// A video file that a page makes of a canvas, each picture with its own time. Bundled into
// static/device/recorder.js with Mediabunny.

import {
  CanvasSource,
  Mp4OutputFormat,
  Output,
  QUALITY_MEDIUM,
  StreamTarget,
  WebMOutputFormat,
  canEncodeVideo,
} from "mediabunny";

// What a browser may be able to write, the most widely played first.
const KINDS = [
  { codec: "avc", Format: Mp4OutputFormat, options: { fastStart: false } },
  { codec: "vp9", Format: WebMOutputFormat },
  { codec: "vp8", Format: WebMOutputFormat },
];
const KEY_FRAME_S = 2; // so far is it at most to a picture from which a player can begin
const LARGEST = 2 ** 30; // bytes of a file

// Open a file for pictures of a canvas. Resolves to null where the browser can write none.
export async function openVideo(canvas) {
  const { width, height } = canvas;
  for (const { codec, Format, options } of KINDS) {
    if (await canEncodeVideo(codec, { width, height, bitrate: QUALITY_MEDIUM }).catch(() => false)) {
      const file = new VideoFile(canvas, codec, new Format(options));
      await file.output.start();
      return file;
    }
  }
  return null;
}

class VideoFile {
  constructor(canvas, codec, format) {
    this.type = format.mimeType;
    this.extension = format.fileExtension;
    this.blob = new Blob([], { type: this.type });
    this.parts = []; // written since the blob was made
    this.pending = 0;
    this.latest = -1;
    this.busy = false;
    const writable = new WritableStream({ write: (chunk) => this.write(chunk) });
    this.output = new Output({ format, target: new StreamTarget(writable, { chunked: true }) });
    this.source = new CanvasSource(canvas, {
      codec,
      bitrate: QUALITY_MEDIUM,
      keyFrameInterval: KEY_FRAME_S,
    });
    this.output.addVideoTrack(this.source);
  }

  // A browser keeps large blobs on the disk, so that memory stays small. The little that is
  // written again at the end, such as the length, is put in its place.
  write({ data, position }) {
    const bytes = data.slice();
    if (position === this.size) {
      this.parts.push(bytes);
      this.pending += bytes.length;
      return;
    }
    const whole = this.whole();
    const end = position + bytes.length;
    this.blob = new Blob([whole.slice(0, position), bytes, whole.slice(end)], { type: this.type });
  }

  whole() {
    if (this.parts.length) this.blob = new Blob([this.blob, ...this.parts], { type: this.type });
    this.parts = [];
    this.pending = 0;
    return this.blob;
  }

  get size() {
    return this.blob.size + this.pending;
  }

  get full() {
    return this.size > LARGEST;
  }

  // Whether a picture of this time can be added now.
  takes(time) {
    return !this.busy && time > this.latest;
  }

  // Add what the canvas shows, at a time in seconds.
  async add(time) {
    this.busy = true;
    this.latest = time;
    try {
      await this.source.add(time);
    } finally {
      this.busy = false;
    }
  }

  // End the file and return it.
  async finish() {
    await this.output.finalize();
    return this.whole();
  }
}
