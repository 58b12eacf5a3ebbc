// Save the video as it is shown, as a file of the visitor's on their device. Goes between
// view.js and either way's own script.

const CARD_S = 1; // so late, a video begins with a card that says when its picture does
const LEVEL = { hidden: "with every face hidden", shown: "with faces that can be recognised" };

// One video of a view. The view gives it pictures: `paint(context, width, height)` draws what is
// shown, and each has a time of the table that is recorded beside it.
class Saving {
  constructor(view) {
    this.view = view;
    this.file = null;
    this.ended = false;
    this.seconds = 0;
  }

  // Take the picture shown, at `time` in seconds of the table; null before its first row.
  async picture(time, [width, height]) {
    const { view } = this;
    if (this.ended || this.opening || !width) return;
    if (time === null) return this.file ? view.endVideo("video_ended") : undefined;
    if (!this.file) {
      this.opening = true;
      const opened = await this.open(width, height);
      this.opening = false;
      if (!opened) return;
    }
    const { file, canvas } = this;
    if (this.ended || !file.takes(Math.max(0, time))) return;
    if (file.latest < 0 && time > 0) await this.begin(time);
    if (this.ended) return;
    const context = canvas.getContext("2d");
    const scale = Math.min(canvas.width / width, canvas.height / height);
    context.setTransform(scale, 0, 0, scale, (canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2);
    view.paint(context, width, height);
    context.resetTransform();
    this.seconds = time;
    await file.add(Math.max(0, time)).catch(() => this.broken());
    if (file.full) view.endVideo("video_full");
  }

  async open(width, height) {
    const even = (side) => 2 * Math.round(side / 2);
    this.canvas = Object.assign(document.createElement("canvas"), { width: even(width), height: even(height) });
    try {
      const { openVideo } = await import(this.view.address(this.view.data.recorder));
      this.file = await openVideo(this.canvas);
    } catch (error) {
      console.error(error);
    }
    if (!this.file) this.broken();
    return this.file;
  }

  // The file's time 0 is the table's: what comes later begins with the picture that is first,
  // or with a card.
  async begin(time) {
    const { canvas, view } = this;
    const context = canvas.getContext("2d");
    if (time > CARD_S) {
      context.fillStyle = "#111";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = "#fff";
      context.textAlign = "center";
      context.font = `${Math.max(14, canvas.height / 20)}px system-ui, sans-serif`;
      context.fillText(`The video begins at ${clock(time)}`, canvas.width / 2, canvas.height / 2);
    } else view.paint(context, canvas.width, canvas.height);
    await this.file.add(0).catch(() => this.broken());
  }

  broken() {
    this.ended = true;
    this.view.endVideo("video_failed");
  }

  // End the file and hand it to the visitor.
  async finish(name) {
    this.ended = true;
    if (!this.file || this.file.latest < 0) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await this.file.finish());
    link.download = name + this.file.extension;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000); // by then it is copied
  }
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
