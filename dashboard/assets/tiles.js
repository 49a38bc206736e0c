/* Number tiles: fills every [data-tile] with the number at that path of the frame's tiles, draws
   the sparklines (the last hours come from the server), and says of which moment it all is. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const KEPT = 90; // points of the rate's line, one a second
  const HISTORY_MS = 60000;
  const HOUR_MS = 3600000;
  let rates = [];
  let ratedAt = 0;
  let shownAt = 0;
  let history = null; // { times, alerts, silent }

  function reset() {
    rates = cityops.live.rates.slice(-KEPT);
    show(cityops.live.tiles);
  }

  function show(tiles) {
    if (!tiles) return;
    shownAt = cityops.live.now();
    for (const place of document.querySelectorAll("[data-tile]")) {
      const value = place.dataset.tile.split(".").reduce((part, key) => (part ? part[key] : undefined), tiles);
      if (typeof value !== "number") continue;
      const decimals = place.dataset.tile === "readings_per_s" && value < 100 ? 1 : 0;
      const said = cityops.format.number(value, decimals);
      if (place.textContent !== said) place.textContent = said;
    }
    for (const place of document.querySelectorAll("[data-worst-of]")) {
      const domain = tiles.by_domain[place.dataset.worstOf];
      place.dataset.worst = domain && domain.alerts ? worstAlert(place.dataset.worstOf) : "";
    }
    rate(tiles.readings_per_s);
  }

  function worstAlert(domain) {
    const order = ["critical", "major", "minor", "info"];
    const found = new Set();
    for (const alert of cityops.live.alerts.values()) if (alert.domain === domain) found.add(alert.severity);
    return order.find((severity) => found.has(severity)) || "";
  }

  function rate(value) {
    if (Date.now() - ratedAt < 1000) return;
    ratedAt = Date.now();
    rates.push(value);
    if (rates.length > KEPT) rates.shift();
    // With the next picture: to ask for a size in the midst of a frame costs a layout of the page.
    requestAnimationFrame(() => line("rate", rates, { slots: KEPT, colour: "accent" }));
    asOf();
  }

  /* Says of which moment the numbers are, and dims them where nothing comes any more. */
  function asOf() {
    const place = document.getElementById("overview-as-of");
    if (!place || !shownAt) return;
    const { clock, text } = cityops.format;
    const time = clock(shownAt, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    const fresh = cityops.live.link.phase === "live";
    place.textContent = text(fresh ? "as_of" : "as_of_old", { time });
    document.getElementById("overview-tiles").classList.toggle("tiles--old", !fresh);
  }

  async function readHistory() {
    try {
      const answer = await fetch("/api/v1/history");
      if (!answer.ok) return;
      history = await answer.json();
    } catch (error) {
      return; // the link's state says it already
    }
    drawHistory();
  }

  function drawHistory() {
    const tiles = cityops.live.tiles;
    if (!history || !tiles) return;
    line("alerts", history.alerts, { colour: "state-major", step: true });
    line("online", history.silent.map((n) => Math.max(0, tiles.devices - n)), { colour: "accent", step: true, near: true });
    const before = history.alerts[history.times.findLastIndex((time) => time <= cityops.live.now() - HOUR_MS)];
    const place = document.getElementById("overview-alerts-change");
    if (!place || before === undefined) return;
    const change = tiles.alerts - before;
    const sign = change > 0 ? "▲ " : change < 0 ? "▼ " : "";
    place.textContent = sign + cityops.format.text(change ? "since_an_hour" : "as_an_hour_ago", { count: cityops.format.number(Math.abs(change), 0) });
  }

  /* `near`: the axis begins near the least value, for a share that hardly moves. */
  function line(key, values, { colour, slots = values.length, step = false, near = false }) {
    const canvas = document.getElementById(`overview-${key}-line`);
    if (!canvas || values.length < 2 || !canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    const width = (canvas.width = canvas.clientWidth * ratio);
    const height = (canvas.height = canvas.clientHeight * ratio);
    const pen = canvas.getContext("2d");
    const top = Math.max(...values, 1) * (near ? 1 : 1.15);
    const floor = near ? Math.min(...values, top - 4) - 1 : 0;
    const x = (i) => width - (values.length - 1 - i) * (width / (slots - 1));
    const y = (v) => height - 2 * ratio - ((v - floor) / (top - floor)) * (height - 5 * ratio);
    pen.beginPath();
    values.forEach((v, i) => {
      if (i && step) pen.lineTo(x(i), y(values[i - 1]));
      pen[i ? "lineTo" : "moveTo"](x(i), y(v));
    });
    pen.strokeStyle = cityops.format.colour(colour);
    pen.lineWidth = 1.6 * ratio;
    pen.stroke();
    pen.lineTo(width, height);
    pen.lineTo(x(0), height);
    pen.globalAlpha = 0.14;
    pen.fillStyle = cityops.format.colour(colour);
    pen.fill();
  }

  function follow() {
    readHistory();
    const timers = [setInterval(readHistory, HISTORY_MS), setInterval(asOf, 1000)];
    const off = [cityops.live.on("link", asOf), cityops.live.on("reset", readHistory)];
    return () => { timers.forEach(clearInterval); off.forEach((forget) => forget()); };
  }

  cityops.tiles = { show, reset, follow };
})(window.cityops);
