/* Sound and desktop notifications for critical alerts: off until asked for, kept by this browser.

   Told once: not what stood already when the page came up, not again after a reload, and not in
   every tab. The browser must allow notifications; without that there is the sound alone. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const WANTED = "cityops.notify";
  const TOLD = "cityops.notified"; // the last alerts told, shared by the tabs
  const KEPT = 200;
  const SAID_MS = 5000;
  const NOTES = [[880, 0], [660, 0.18], [880, 0.36]]; // Hz, seconds after the first
  const seen = new Set();
  let begun = false;
  let sound = null;
  let silencing = 0;

  function bell() { return document.getElementById("shell-bell"); }
  function wanted() { return localStorage.getItem(WANTED) === "on"; }
  function allowed() { return "Notification" in window && Notification.permission === "granted"; }

  function state() {
    if (!wanted()) return "off";
    if (!sound || sound.state !== "running") return "waiting";
    return allowed() ? "on" : "blocked";
  }

  function show() {
    const place = bell();
    if (!place) return;
    const now = state();
    const said = cityops.format.text("bell_" + now);
    place.dataset.state = now;
    place.setAttribute("aria-pressed", String(now !== "off"));
    place.setAttribute("aria-label", cityops.format.text("bell"));
    place.title = said;
    document.getElementById("shell-bell-state").textContent = said;
  }

  function say(text) {
    const place = document.getElementById("shell-bell-said");
    place.textContent = text;
    place.hidden = false;
    clearTimeout(silencing);
    silencing = setTimeout(() => { place.hidden = true; }, SAID_MS);
  }

  /* A browser lets a page sound only after someone has touched it. */
  async function wake() {
    const touched = !navigator.userActivation || navigator.userActivation.hasBeenActive;
    if (!wanted() || !touched) return;
    sound = sound || new AudioContext();
    if (sound.state !== "running") await sound.resume();
    show();
  }

  function ring() {
    if (!sound || sound.state !== "running") return;
    for (const [pitch, after] of NOTES) {
      const at = sound.currentTime + after;
      const tone = new OscillatorNode(sound, { type: "triangle", frequency: pitch });
      const loud = new GainNode(sound, { gain: 0 });
      loud.gain.setValueAtTime(0, at);
      loud.gain.linearRampToValueAtTime(0.25, at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.001, at + 0.17);
      tone.connect(loud).connect(sound.destination);
      tone.start(at);
      tone.stop(at + 0.18);
    }
    cityops.notify.rung += 1;
  }

  async function toggle() {
    if (wanted()) {
      localStorage.removeItem(WANTED);
    } else {
      localStorage.setItem(WANTED, "on");
      await wake();
      ring();
      if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
    }
    show();
    say(cityops.format.text("bell_" + state()));
  }

  /* Claims an alert for this tab: of several open ones, the first tells it. */
  async function claim(id) {
    const take = () => {
      const told = JSON.parse(localStorage.getItem(TOLD) || "[]");
      if (told.includes(id)) return false;
      localStorage.setItem(TOLD, JSON.stringify([...told, id].slice(-KEPT)));
      return true;
    };
    return navigator.locks ? navigator.locks.request(TOLD, take) : take();
  }

  async function tell(alert) {
    if (!wanted() || !(await claim(alert.alert_id))) return;
    ring();
    if (!allowed()) return;
    const { settings, text } = cityops.format;
    const lang = settings().lang;
    const device = alert.device_name[lang] || alert.device_id;
    const note = new Notification(text("critical_at", { device }), {
      body: alert.text[lang] || alert.rule, tag: "cityops-" + alert.alert_id, requireInteraction: true, lang,
    });
    note.onclick = () => { window.focus(); open(alert); note.close(); };
  }

  /* The alert itself: in the overview's feed with its device, elsewhere its page. */
  function open(alert) {
    const row = document.querySelector(`.alert[data-alert-id="${Number(alert.alert_id)}"]`);
    if (!cityops.overview || !row) { location.assign("/alerts/" + Number(alert.alert_id)); return; }
    row.scrollIntoView({ block: "nearest" });
    row.focus();
    cityops.overview.choose(alert.device_id, true);
  }

  function look(alerts, telling) {
    for (const alert of alerts) {
      if (alert.severity !== "critical" || !alert.live || alert.status !== "open" || seen.has(alert.alert_id)) continue;
      seen.add(alert.alert_id);
      if (telling) tell(alert);
    }
  }

  function mount(place) {
    show();
    place.addEventListener("click", toggle);
    wake();
    for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, wake, { passive: true });
    window.addEventListener("storage", (event) => { if (event.key === WANTED) show(); });
    cityops.live.on("reset", () => { look(cityops.live.alerts.values(), begun); begun = true; });
    cityops.live.on("frame", (frame) => look(frame.alerts, begun));
  }

  cityops.notify = { rung: 0, open };
  const wait = () => cityops.mount("shell-bell", mount);
  if (cityops.mount) wait();
  else document.addEventListener("DOMContentLoaded", wait);
})(window.cityops);
