/* The device drawer: opens and closes, keeps values, ages and the chart up to date.

   What the device is comes from the server (a Dash callback on "overview-device"). */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const OLD_INTERVALS = 3;
  const OLD_AT_LEAST_MS = 150000;
  let chosen = null;
  let opener = null;
  let device = null;

  function place() { return document.getElementById("overview-drawer"); }

  function open(deviceId) {
    if (!place()) return;
    if (!chosen) opener = document.activeElement;
    chosen = deviceId;
    device = cityops.inventory.get(deviceId) || null;
    place().hidden = false;
    place().dataset.loading = "";
    window.dash_clientside.set_props("overview-device", { data: deviceId });
    cityops.address.set("device", deviceId);
    place().focus({ preventScroll: true });
  }

  function close() {
    if (!place() || place().hidden) return;
    chosen = device = null;
    place().hidden = true;
    window.dash_clientside.set_props("overview-device", { data: null });
    cityops.address.set("device", null);
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
  }

  /* The server's answer is on the page. What the socket brought meanwhile may be newer. */
  function rendered() {
    if (!place()) return;
    delete place().dataset.loading;
    device = cityops.inventory.get(chosen) || device;
    reset();
    tick();
  }

  function frame(frame) {
    if (!chosen || !place() || place().hidden) return;
    if (chosen in frame.states) state();
    if (frame.alerts.some((alert) => alert.device_id === chosen)) alerts();
    if (!frame.readings.length) return;
    const values = new Map();
    for (const item of place().querySelectorAll("[data-stream-id]")) values.set(Number(item.dataset.streamId), item);
    for (const row of frame.readings) {
      const item = values.get(row[0]);
      if (item) { value(item, row); extend(row); }
    }
  }

  function value(item, [, time, number]) {
    const fresh = Number(item.dataset.time) < time;
    const metric = cityops.format.settings().metrics[item.dataset.metric];
    item.dataset.time = time;
    item.dataset.value = number;
    item.querySelector(".value__number").textContent = cityops.format.number(number, metric ? metric.decimals : 2);
    item.classList.remove("value--fresh");
    if (fresh) {
      void item.offsetWidth; // starts the animation again
      item.classList.add("value--fresh");
    }
    age(item);
  }

  function age(item) {
    const time = Number(item.dataset.time);
    const said = time ? cityops.format.age(cityops.live.now() - time) : cityops.format.text("no_value");
    const place = item.querySelector(".value__age");
    if (place && place.textContent !== said) place.textContent = said;
    const stream = device && device.streams.find((s) => s.stream_id === Number(item.dataset.streamId));
    const patience = Math.max(OLD_AT_LEAST_MS, (stream ? stream.interval_s : 60) * 1000 * OLD_INTERVALS);
    item.classList.toggle("value--old", !time || cityops.live.now() - time > patience);
    cityops.format.showDoubt(item);
  }

  /* Both places are empty for React: what is put there is the scripts' own. */
  function state() {
    const shown = cityops.live.states.get(chosen) || "unknown";
    const shape = cityops.format.mark(shown);
    shape.classList.add("mark--large");
    document.getElementById("overview-drawer-mark").replaceChildren(shape);
    document.getElementById("overview-drawer-state").textContent =
      cityops.format.settings().states[shown] || shown;
  }

  function alerts() {
    const { element, mark, settings, age: aged } = cityops.format;
    const lang = settings().lang;
    const standing = [...cityops.live.alerts.values()].filter((alert) => alert.device_id === chosen);
    const rows = standing.sort((a, b) => b.opened_at - a.opened_at).map((alert) => {
      const row = element("div", "alert",
        mark(alert.rule === "silence" ? "silent" : alert.severity),
        element("span", "alert__device", settings().states[alert.severity] || alert.severity),
        element("time", "alert__age", aged(cityops.live.now() - alert.opened_at)),
        element("span", "alert__text", alert.text[lang] || alert.rule));
      row.dataset.severity = alert.severity;
      return row;
    });
    document.getElementById("overview-drawer-foot").replaceChildren(...rows);
  }

  function reset() {
    if (!chosen || !place()) return;
    state();
    alerts();
    for (const item of place().querySelectorAll("[data-stream-id]")) {
      const row = cityops.live.readings.get(Number(item.dataset.streamId));
      if (row) value(item, row);
    }
  }

  function extend([stream, time, number]) {
    const chart = document.querySelector("#overview-chart .js-plotly-plot");
    const trace = chart && chart.data && chart.data[0];
    if (!trace || !trace.meta || trace.meta.stream_id !== stream || !window.Plotly) return;
    const x = time + trace.meta.shift_ms;
    if (trace.x.length && x <= trace.x[trace.x.length - 1]) return;
    window.Plotly.extendTraces(chart, { x: [[x]], y: [[number]] }, [0]);
    const [from, to] = chart.layout.xaxis.range.map((end) => new Date(end).getTime());
    if (x > to) window.Plotly.relayout(chart, { "xaxis.range": [from + (x - to), x] });
  }

  function tick() {
    if (!chosen || !place()) return;
    for (const item of place().querySelectorAll("[data-stream-id]")) age(item);
  }

  function mount() {
    const drawer = place();
    document.getElementById("overview-drawer-close").addEventListener("click", () => cityops.overview.choose(null));
    drawer.addEventListener("click", (event) => {
      const item = event.target.closest("[data-stream-id]");
      if (item) window.dash_clientside.set_props("overview-stream", { value: item.dataset.streamId });
    });
    return () => { chosen = device = null; };
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.overview = { rendered() { setTimeout(rendered, 0); } };
  cityops.drawer = { open, close, frame, reset, tick, mount, get chosen() { return chosen; } };
})(window.cityops);
