/* The live feed's client: one socket, the newest picture of the city, and who wants to know.

   A snapshot first, then frames whose seq goes on from it. A gap, another epoch or a lost
   socket means: take a new snapshot. While the link is lost the page says so. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const QUIET_MS = 5000; // the server sends a frame every second
  const FIRST_RETRY_MS = 500;
  const LONGEST_RETRY_MS = 15000;
  const SIGN_IN = 4401; // the session has ended
  const handlers = { reset: new Set(), frame: new Set(), link: new Set(), catalogue: new Set() };
  const live = {
    epoch: null,
    seq: -1,
    catalogue: null,
    states: new Map(),
    readings: new Map(),
    alerts: new Map(),
    faults: new Map(), // stream id → what is the matter with its sensor
    tiles: null,
    rates: [],
    link: { phase: "connecting", retryAt: 0 },
    ready: false,
    on(event, handler) { handlers[event].add(handler); return () => handlers[event].delete(handler); },
    now() { return Date.now() + clockOffset; },
    start,
    drop() { if (socket) socket.close(); },
  };
  cityops.live = live;

  let socket = null;
  let waiting = null; // frames that came before the snapshot
  let failures = 0;
  let heardAt = 0;
  let clockOffset = 0;
  let started = false;

  function emit(event, detail) {
    for (const handler of handlers[event]) {
      try { handler(detail); } catch (error) { console.error(error); }
    }
  }

  function say(phase, retryAt) {
    if (live.link.phase === phase && live.link.retryAt === (retryAt || 0)) return;
    live.link = { phase, retryAt: retryAt || 0 };
    emit("link", live.link);
  }

  function start() {
    if (started) return;
    started = true;
    connect();
    setInterval(watch, 1000);
    window.addEventListener("online", () => { if (!socket) connect(); });
  }

  function connect() {
    say("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const opened = new WebSocket(`${scheme}//${location.host}/ws/live`);
    socket = opened;
    waiting = [];
    heardAt = Date.now();
    opened.onopen = () => resync(opened);
    opened.onmessage = (message) => { if (socket === opened) receive(JSON.parse(message.data)); };
    opened.onclose = (event) => {
      if (event.code === SIGN_IN) { signIn(); return; }
      if (socket === opened) retry();
    };
  }

  function signIn() {
    location.replace("/sign-in?next=" + encodeURIComponent(location.pathname + location.search));
  }

  function retry() {
    socket = null;
    live.ready = false;
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
    failures += 1;
    const delay = longest * (0.5 + Math.random() / 2); // jitter: not all tabs at once
    say("lost", Date.now() + delay);
    setTimeout(() => { if (!socket) connect(); }, delay);
  }

  async function resync(from) {
    live.ready = false;
    waiting = waiting || [];
    try {
      const answer = await fetch("/api/v1/snapshot", { cache: "no-store" });
      if (answer.status === 401) { signIn(); return; }
      if (!answer.ok) throw new Error("snapshot " + answer.status);
      const snapshot = await answer.json();
      if (socket !== from) return;
      take(snapshot);
      const held = waiting;
      waiting = null;
      failures = 0;
      live.ready = true;
      say(snapshot.feed === "live" ? "live" : "feed_down");
      emit("reset", live);
      for (const frame of held) if (frame.seq > live.seq) apply(frame);
    } catch (error) {
      if (socket === from) { from.close(); }
    }
  }

  function take(snapshot) {
    clockOffset = snapshot.at - Date.now();
    live.epoch = snapshot.epoch;
    live.seq = snapshot.seq;
    live.states = new Map(Object.entries(snapshot.states));
    live.readings = new Map(snapshot.readings.map((row) => [row[0], row]));
    live.alerts = new Map(snapshot.alerts.map((alert) => [alert.alert_id, alert]));
    live.faults = new Map(Object.entries(snapshot.faults || {}).map(([id, kinds]) => [Number(id), kinds]));
    live.tiles = snapshot.tiles;
    live.rates = snapshot.rates;
    noteCatalogue(snapshot.catalogue);
  }

  function receive(frame) {
    heardAt = Date.now();
    if (waiting) { waiting.push(frame); return; }
    apply(frame);
  }

  function apply(frame) {
    if (frame.seq !== live.seq + 1) { resync(socket); return; }
    live.seq = frame.seq;
    for (const row of frame.readings) live.readings.set(row[0], row);
    for (const [device, state] of Object.entries(frame.states)) live.states.set(device, state);
    for (const alert of frame.alerts) {
      if (alert.live) live.alerts.set(alert.alert_id, alert);
      else live.alerts.delete(alert.alert_id);
    }
    for (const [id, kinds] of Object.entries(frame.faults || {})) {
      if (kinds.length) live.faults.set(Number(id), kinds);
      else live.faults.delete(Number(id));
    }
    live.tiles = frame.tiles;
    say(frame.feed === "live" ? "live" : "feed_down");
    emit("frame", frame);
    noteCatalogue(frame.catalogue);
  }

  function noteCatalogue(version) {
    const key = live.epoch + ":" + version;
    const changed = live.catalogue !== null && live.catalogue !== key;
    live.catalogue = key;
    if (changed) emit("catalogue", key);
  }

  function watch() {
    if (socket && live.ready && Date.now() - heardAt > QUIET_MS) {
      say("stale");
      const quiet = socket;
      retry();
      quiet.close();
    } else if (live.link.phase === "lost") {
      emit("link", live.link); // the seconds left go down
    }
  }
})(window.cityops);
