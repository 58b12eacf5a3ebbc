// Live through the server: one connection that takes the camera's frames there and back. Goes
// after camera.js and view.js. What happens is told to Python as one value, `report`:
// { attempt, phase, cause, trouble, saving, log, stimuli, offer, candidates, fps, relay }, see ui/live/link.py.
// phase: off | asking | connecting | on | failed | lost

const CONNECT_MS = 8000; // until the first frame is back
const SILENCE_MS = 20000; // without a frame: the connection is lost
const GATHER_MS = 2000; // for routes to go with the offer; later ones follow it
const STATS_MS = 500;
const ON_THE_WAY_MS = 3000; // by then no picture comes any more that was drawn before a change

class Link extends View {
  constructor(root) {
    super(root);
    this.attempt = null;
    this.heard = { frames: null, at: 0 };
  }

  known(data) {
    return data.attempt;
  }

  // What Python says: servers to use, the answer to an offer or that it failed, and how many
  // frames have reached the server.
  take(data) {
    if (data.frames !== this.heard.frames) this.heard = { frames: data.frames, at: performance.now() };
    this.tellTime(data.elapsed);
    this.heed(data);
    if (data.hide && !this.hiding) this.shownUntil = performance.now() + ON_THE_WAY_MS;
    this.hiding = data.hide;
    const { peer } = this;
    if (!peer || data.attempt !== this.attempt || this.phase !== "connecting") return;
    if (data.error) return this.broken("server");
    if (data.answer && !peer.remoteDescription && peer.signalingState !== "closed") {
      peer.setRemoteDescription(JSON.parse(data.answer)).catch(() => this.broken("server"));
    }
  }

  // When this recording's time 0 was on the browser's clock. Every message says how long ago
  // that is; the one that took least time to come is the truest.
  tellTime(elapsed) {
    const zero = elapsed === null ? null : performance.now() / 1000 - elapsed;
    const goesOn = this.zero != null && zero !== null && elapsed >= this.elapsed;
    this.zero = goesOn ? Math.min(zero, this.zero) : zero;
    this.elapsed = elapsed;
  }

  recordingTime(now) {
    return this.zero == null ? null : now / 1000 - this.zero;
  }

  // With every picture that comes back: by the time at which it reached the browser.
  returned(peer) {
    const { video } = this;
    const next = video.requestVideoFrameCallback?.bind(video) ?? ((f) => requestAnimationFrame((now) => f(now, {})));
    const shown = (now, { receiveTime }) => {
      if (peer !== this.peer) return;
      if (this.hiding && now < this.shownUntil) return next(shown);
      this.saving?.picture(this.recordingTime(receiveTime ?? now), [video.videoWidth, video.videoHeight]);
      next(shown);
    };
    next(shown);
  }

  opened() {
    this.tries = 1;
    this.framesSeen = false;
  }

  // The first frame of the camera comes before the connection: without one there is nothing
  // to send, and nobody else is to blame for it.
  framed() {
    if (this.framesSeen || this.phase !== "connecting") return;
    this.framesSeen = true;
    this.connect();
  }

  async replaced(stream) {
    const sender = this.peer?.getSenders()[0];
    if (!sender) return;
    await sender.replaceTrack(stream.getVideoTracks()[0]);
    await this.scale(sender);
  }

  // Send the whole view, no larger than the visitor chose.
  async scale(sender) {
    const { width, height } = settingsOf(this.stream);
    if (!width || !height) return;
    const parameters = sender.getParameters();
    if (!parameters.encodings?.length) return; // before the first answer; set when added
    parameters.encodings[0].scaleResolutionDownBy = this.reduction();
    await sender.setParameters(parameters).catch(() => {});
  }

  reduction() {
    const { videoWidth, videoHeight } = this.source;
    const settings = settingsOf(this.stream);
    const width = videoWidth || settings.width, height = videoHeight || settings.height;
    return Math.max(1, width / fit(width, height, this.size)[0]);
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
    this.report();
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.late(), CONNECT_MS);
    clearInterval(this.clock);
    this.clock = setInterval(() => this.count(peer), STATS_MS);
    peer.onicecandidateerror = (event) => this.errors.push(event.errorCode);
    peer.onicecandidate = ({ candidate }) => {
      if (!candidate) return;
      this.relayFound ||= candidate.type === "relay";
      this.candidates[Object.keys(this.candidates).length] = candidate.toJSON();
      if (this.offer) this.report(); // found after the offer had gone
    };
    peer.ontrack = ({ streams }) => {
      this.video.srcObject = streams[0];
      this.returned(peer);
    };
    peer.onconnectionstatechange = () => {
      if (peer !== this.peer) return;
      if (peer.connectionState === "failed") this.broken();
      if (peer.connectionState === "closed" && this.phase === "on") this.lose("broke_off");
    };
    peer.addTransceiver(this.stream.getVideoTracks()[0], {
      direction: "sendrecv",
      streams: [this.stream],
      sendEncodings: [{ scaleResolutionDownBy: this.reduction() }],
    });
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
  async count(peer) {
    const stats = await peer.getStats();
    if (peer !== this.peer) return;
    const all = [...stats.values()];
    const video = all.find((s) => s.type === "inbound-rtp" && s.kind === "video");
    const frames = video?.framesDecoded ?? 0;
    const now = performance.now();
    // While the camera gives nothing, nothing can come back.
    if (frames > this.lastFrames || this.trouble === "no_frames") this.lastSeen = now;
    if (frames > this.lastFrames) {
      if (this.phase === "on" && now - this.came > GAP_MS) this.missed(now - this.came);
      this.came = now;
    }
    this.lastFrames = frames;
    // A dead connection 'plays' two pixels.
    if (this.phase === "connecting" && frames >= 5 && this.video.videoWidth > 2) {
      clearTimeout(this.deadline);
      const pair = all.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
      this.relay = stats.get(pair?.localCandidateId)?.candidateType === "relay";
      this.counted = { frames, now };
      this.fps = null;
      this.heard.at = now;
      this.states.take("live");
    } else if (this.phase === "on") {
      if (now - this.lastSeen > SILENCE_MS) return this.lose("broke_off");
      if (now - this.counted.now >= 2000) {
        this.fps = ((frames - this.counted.frames) * 1000) / (now - this.counted.now);
        this.counted = { frames, now };
        this.report();
      }
    }
  }

  // Frames that do not come back have not reached the server, or were lost on the way back.
  further(now) {
    if (this.phase !== "on") return null;
    if (now - this.lastSeen > LATE_MS) return now - this.heard.at > LATE_MS ? "unsent" : "unreturned";
    return this.data.late ?? null;
  }

  // Nothing came back in time. Where the camera gives nothing, its next frame connects again.
  late() {
    if (this.trouble !== "no_frames") return this.broken();
    this.letGo();
    this.framesSeen = false;
  }

  // The connection did not come up: once more, then say why.
  broken(cause) {
    if (this.phase === "on") return this.lose("broke_off");
    if (this.phase !== "connecting") return;
    const why = cause ?? this.why();
    if (this.tries < 2) {
      this.tries += 1;
      this.letGo();
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

  // Let go of the connection; the camera stays.
  letGo() {
    clearTimeout(this.deadline);
    clearInterval(this.clock);
    const { peer } = this;
    this.peer = null;
    this.offer = null;
    peer?.close();
    this.video.srcObject = null;
  }

  report() {
    const { attempt, phase, trouble } = this;
    const report = { attempt, phase, cause: this.states.cause, trouble };
    Object.assign(report, { saving: Boolean(this.saving), log: this.log.report() });
    report.stimuli = this.player.names;
    if (phase === "connecting") Object.assign(report, { offer: this.offer, candidates: this.candidates });
    if (phase === "on") Object.assign(report, { fps: this.fps, relay: this.relay });
    this.tell?.(report);
  }

  waiting() {
    return this.tries > 1 ? "Connecting once more…" : "Connecting…";
  }

  show() {
    super.show();
    // The boxes are part of the picture: both are old where no new one comes.
    this.video.classList.toggle("old", ["no_frames", "unsent", "unreturned"].includes(this.trouble));
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

export default component(Link);
