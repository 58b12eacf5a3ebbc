// The browser's half of the live view: the visitor's camera (camera.js), one connection
// to the server, and a watch over both. What happens is told to Python as one value, `report`:
// { attempt, phase, cause, offer, candidates, fps, relay, camera }
// phase: off | asking | connecting | on | failed | lost

const CONNECT_MS = 8000; // until the first frame is back
const HELD_UP_MS = 2000; // without a frame: the visitor is told to wait …
const SILENCE_MS = 8000; // … and that the connection is lost
const GATHER_MS = 2000; // for routes to go with the offer; later ones follow it

const links = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let link = links.get(parentElement);
  const fresh = !link;
  if (fresh) links.set(parentElement, (link = new Link(parentElement)));
  link.tell = (report) => setStateValue("report", report);
  link.take(data ?? {});
  // Back on this page: what Python remembers is the connection of an earlier visit.
  if (fresh && data?.attempt) link.report();
  return () => {
    link.release();
    removeEventListener("pagehide", link.leave);
    links.delete(parentElement);
  };
}

class Link {
  constructor(root) {
    this.video = root.querySelector("video");
    this.note = root.querySelector("#note");
    this.button = root.querySelector("#start");
    this.cameras = root.querySelector("#camera");
    this.phase = "off";
    this.attempt = null;
    this.data = {};
    this.button.onclick = () => (this.running() ? this.stop() : this.start());
    this.button.disabled = false; // before, a click would not be heard
    this.cameras.onchange = () => {
      remember(this.cameras.value);
      if (this.phase === "on") this.switchCamera();
      else if (this.running()) this.start();
    };
    this.leave = () => this.release();
    addEventListener("pagehide", this.leave);
    this.show();
  }

  running() {
    return ["asking", "connecting", "on"].includes(this.phase);
  }

  // What Python says: servers to use, the answer to an offer, or that it failed.
  take(data) {
    this.data = data;
    const { peer } = this;
    if (!peer || data.attempt !== this.attempt || this.phase !== "connecting") return;
    if (data.error) return this.broken("server");
    if (data.answer && !peer.remoteDescription && peer.signalingState !== "closed") {
      peer.setRemoteDescription(JSON.parse(data.answer)).catch(() => this.broken("server"));
    }
  }

  async start() {
    this.release();
    this.tries = 1;
    const turn = (this.turn = {});
    this.enter("asking");
    const stream = await this.openCamera();
    if (!stream) return;
    if (this.turn !== turn) return stop(stream); // stopped or started again meanwhile
    this.keep(stream);
    this.connect();
  }

  // Another camera in the same connection. The old one first: phones open one at a time.
  async switchCamera() {
    const { peer } = this;
    stop(this.stream);
    const stream = await this.openCamera();
    if (!stream) return;
    if (peer !== this.peer) return stop(stream);
    this.keep(stream);
    await peer.getSenders()[0].replaceTrack(stream.getVideoTracks()[0]);
  }

  keep(stream) {
    this.stream = stream;
    stream.getVideoTracks()[0].onended = () => this.phase === "on" && this.lose("camera_gone");
    listCameras(this.cameras, stream);
  }

  async openCamera() {
    const { stream, cause } = await openCamera();
    return stream ?? this.fail(cause);
  }

  async connect() {
    this.attempt = Date.now();
    this.errors = [];
    this.candidates = {};
    this.relayFound = false;
    this.lastFrames = 0;
    const peer = (this.peer = new RTCPeerConnection({
      iceServers: this.data.iceServers ?? [],
      iceTransportPolicy: this.data.icePolicy ?? "all",
    }));
    this.enter("connecting");
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.broken(), CONNECT_MS);
    clearInterval(this.clock);
    this.clock = setInterval(() => this.watch(peer), 500);
    peer.onicecandidateerror = (event) => this.errors.push(event.errorCode);
    peer.onicecandidate = ({ candidate }) => {
      if (!candidate) return;
      this.relayFound ||= candidate.type === "relay";
      this.candidates[Object.keys(this.candidates).length] = candidate.toJSON();
      if (this.offer) this.report(); // found after the offer had gone
    };
    peer.ontrack = ({ streams }) => (this.video.srcObject = streams[0]);
    peer.onconnectionstatechange = () => {
      if (peer !== this.peer) return;
      if (peer.connectionState === "failed") this.broken();
      if (peer.connectionState === "closed" && this.phase === "on") this.lose("broke_off");
    };
    for (const track of this.stream.getTracks()) peer.addTrack(track, this.stream);
    this.offer = null;
    await peer.setLocalDescription();
    await gathered(peer);
    if (peer !== this.peer) return;
    if (peer.iceGatheringState === "complete" && !Object.keys(this.candidates).length) {
      return this.broken(); // no way out at all
    }
    this.offer = peer.localDescription.toJSON();
    this.report();
  }

  // Twice a second: are frames coming back, and how many?
  async watch(peer) {
    const stats = await peer.getStats();
    if (peer !== this.peer) return;
    const all = [...stats.values()];
    const video = all.find((s) => s.type === "inbound-rtp" && s.kind === "video");
    const frames = video?.framesDecoded ?? 0;
    const now = performance.now();
    if (frames > this.lastFrames) this.lastSeen = now;
    this.lastFrames = frames;
    // A dead connection 'plays' two pixels.
    if (this.phase === "connecting" && frames >= 5 && this.video.videoWidth > 2) {
      clearTimeout(this.deadline);
      const pair = all.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
      this.relay = stats.get(pair?.localCandidateId)?.candidateType === "relay";
      this.counted = { frames, now };
      this.fps = null;
      this.enter("on");
    } else if (this.phase === "on") {
      if (now - this.lastSeen > SILENCE_MS) return this.lose("broke_off");
      this.show(now - this.lastSeen > HELD_UP_MS);
      if (now - this.counted.now >= 2000) {
        this.fps = ((frames - this.counted.frames) * 1000) / (now - this.counted.now);
        this.counted = { frames, now };
        this.report();
      }
    }
  }

  // The connection did not come up: once more, then say why.
  broken(cause) {
    if (this.phase === "on") return this.lose("broke_off");
    if (this.phase !== "connecting") return;
    const why = cause ?? this.why();
    if (this.tries < 2) {
      this.tries += 1;
      this.hangUp();
      this.connect();
    } else {
      this.fail(why);
    }
  }

  why() {
    const relays = (this.data.iceServers ?? []).some((s) => /turns?:/.test(String(s.urls)));
    if (relays && !this.relayFound) {
      return this.errors.some((c) => c >= 400 && c < 500) ? "relay_refused" : "relay_unreachable";
    }
    if (this.offer && !this.peer?.remoteDescription) return "server_silent";
    return "no_route";
  }

  fail(cause) {
    this.release();
    this.enter("failed", cause);
    return null;
  }

  lose(cause) {
    this.release();
    this.enter("lost", cause);
  }

  stop() {
    this.release();
    this.enter("off");
  }

  hangUp() {
    clearTimeout(this.deadline);
    clearInterval(this.clock);
    const { peer } = this;
    this.peer = null;
    this.offer = null;
    peer?.close();
  }

  // Let go of the connection and of the camera.
  release() {
    this.turn = null;
    this.hangUp();
    stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  enter(phase, cause = null) {
    this.phase = phase;
    this.cause = cause;
    this.report();
    this.show();
  }

  report() {
    const { attempt, phase, cause } = this;
    const report = { attempt, phase, cause };
    if (phase === "connecting") Object.assign(report, { offer: this.offer, candidates: this.candidates });
    if (phase === "on") Object.assign(report, { fps: this.fps, relay: this.relay });
    this.tell?.(report);
  }

  show(heldUp = false) {
    const notes = {
      off: "The camera is off",
      asking: "Your browser asks for the camera…",
      connecting: this.tries > 1 ? "Connecting once more…" : "Connecting…",
      on: heldUp ? "The picture is held up…" : "",
      failed: "No live picture",
      lost: "The live picture broke off",
    };
    this.note.textContent = notes[this.phase];
    this.note.hidden = !notes[this.phase];
    this.button.textContent = this.running() ? "Stop" : this.phase === "lost" ? "Go on" : "Start";
    this.button.classList.toggle("primary", !this.running());
  }
}

function gathered(peer) {
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    const look = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
}
