/* The explorer: zooming asks for the data of what is in view; the address says what is shown. */
window.dash_clientside = window.dash_clientside || {};
(function (clientside) {
  "use strict";
  const CALM_MS = 350; // a wheel or a drag says many things on its way
  let turn = 0;

  function unchanged(count) {
    const none = window.dash_clientside.no_update;
    return count === 1 ? none : Array(count).fill(none);
  }

  async function zoomed(said, before) {
    const mine = ++turn;
    await new Promise((resolve) => setTimeout(resolve, CALM_MS));
    const from = said && said["xaxis.range[0]"];
    const to = said && said["xaxis.range[1]"];
    const chart = document.querySelector("#explorer-chart .js-plotly-plot");
    if (mine !== turn || from === undefined || to === undefined || !chart) return unchanged(2);
    const shift = (chart.layout.meta || {}).shift_ms || 0;
    const [start, end] = [from, to].map((moment) => Math.round(read(moment) - shift));
    if (!(start < end) || (before && before.start === start && before.end === end)) return unchanged(2);
    return [{ start, end }, ""];
  }

  /* Plotly writes times without a zone; the axis is the city's clock moved onto UTC. */
  function read(moment) {
    return typeof moment === "number" ? moment : Date.parse(moment.replace(" ", "T") + (moment.includes(":") ? "Z" : ""));
  }

  /* What a drag does, for the keyboard: a half to the side, or twice as near or as far. */
  const MOVES = { earlier: [-0.5, -0.5], later: [0.5, 0.5], closer: [0.25, -0.25], wider: [-0.5, 0.5] };
  const SHORTEST_MS = 60000;
  const LONGEST_MS = 366 * 86400000;

  function bounds(shown) {
    const end = (shown && shown.end) || Date.now();
    return [(shown && shown.start) || end - ((shown && shown.hours) || 24) * 3600000, end];
  }

  function step(...given) {
    const asked = window.dash_clientside.callback_context.triggered_id;
    const move = asked && MOVES[asked.split("-")[1]];
    if (!move) return unchanged(2);
    const [start, end] = bounds(given[given.length - 1]);
    const [from, to] = move.map((share, place) => Math.round([start, end][place] + share * (end - start)));
    if (to - from < SHORTEST_MS || to - from > LONGEST_MS) return unchanged(2);
    return [{ start: from, end: Math.min(to, Date.now()) }, ""];
  }

  /* The pickers say the time that is shown; a range that goes on with the clock has none. */
  function moments(shown) {
    if (!shown || !shown.start) return [null, null];
    const zone = { timeZone: window.cityops.format.settings().timezone };
    return [shown.start, shown.end].map((time) => new Date(time).toLocaleString("sv-SE", zone).slice(0, 16) + ":00");
  }

  function picture() {
    const chart = document.querySelector("#explorer-chart .js-plotly-plot");
    if (!window.dash_clientside.callback_context.triggered_id || !chart || !window.Plotly) return;
    const size = { width: chart.clientWidth, height: chart.clientHeight, scale: 2 };
    window.Plotly.downloadImage(chart, { format: "png", filename: "cityops", ...size });
  }

  function preset(hours) {
    return hours ? { hours: Number(hours) } : unchanged(1);
  }

  function said(streams, window_, compare) {
    const next = new URL(location.href);
    if (next.pathname !== "/explorer") return unchanged(1);
    const shown = { streams: (streams || []).join(","), compare: compare ? "1" : "", start: "", end: "", hours: "", ...window_ };
    for (const [name, value] of Object.entries(shown)) {
      if (value === "") next.searchParams.delete(name);
      else next.searchParams.set(name, value);
    }
    history.replaceState(history.state, "", next.href.replaceAll("%2C", ","));
    file(streams || [], window_ || {});
    return unchanged(1);
  }

  function file(streams, shown) {
    const link = document.getElementById("explorer-csv");
    if (!link) return;
    if (!streams.length) { link.removeAttribute("href"); link.setAttribute("aria-disabled", "true"); return; }
    const [start, end] = bounds(shown);
    const query = new URLSearchParams(streams.map((stream) => ["stream", stream]));
    query.set("start", String(Math.round(start)));
    query.set("end", String(Math.round(end)));
    link.href = "/api/v1/export.csv?" + query;
    link.removeAttribute("aria-disabled");
  }

  clientside.explorer = { zoomed, preset, said, step, moments, picture };
})(window.dash_clientside);
