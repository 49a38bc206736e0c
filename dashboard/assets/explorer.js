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
    const end = shown.end || Date.now();
    const start = shown.start || end - (shown.hours || 24) * 3600000;
    const query = new URLSearchParams(streams.map((stream) => ["stream", stream]));
    query.set("start", String(Math.round(start)));
    query.set("end", String(Math.round(end)));
    link.href = "/api/v1/export.csv?" + query;
    link.removeAttribute("aria-disabled");
  }

  clientside.explorer = { zoomed, preset, said };
})(window.dash_clientside);
