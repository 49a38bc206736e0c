/* The table of alerts: rows from the interface, filters in the address, actions on many. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const QUIET_MS = 300;
  const LISTS = ["status", "severity", "domain"];
  const HIDDEN_ON_PHONES = ["domain", "assignee", "updated_at", "text"];
  let chosen = [];

  function grid() { return window.dash_ag_grid && window.dash_ag_grid.getApi("alerts-grid"); }

  function filters() {
    const query = new URLSearchParams();
    for (const button of document.querySelectorAll('[data-filter][aria-pressed="true"]')) {
      query.append(button.dataset.filter, button.dataset.value);
    }
    const box = document.getElementById("alerts-q");
    if (box && box.value.trim()) query.set("q", box.value.trim());
    return query;
  }

  async function rows(request) {
    if (!request) return window.dash_clientside.no_update;
    const query = filters();
    const [sort] = request.sortModel || [];
    query.set("sort", sort ? sort.colId : "opened_at");
    query.set("descending", String(!sort || sort.sort === "desc"));
    query.set("offset", request.startRow);
    query.set("limit", request.endRow - request.startRow);
    try {
      const answer = await fetch("/api/v1/alerts?" + query, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const total = Number(answer.headers.get("X-Total-Count"));
      count(total);
      const found = await answer.json();
      return { rowData: found.map((alert) => ({ row_id: String(alert.alert_id), ...alert })), rowCount: total };
    } catch (error) {
      cityops.alert.tell("alerts-said", cityops.format.text("unreachable"), true);
      return { rowData: [], rowCount: 0 };
    }
  }

  function count(total) {
    const place = document.getElementById("alerts-count");
    if (place) place.textContent = cityops.format.text("alerts_found", { count: cityops.format.number(total, 0) });
  }

  function select(selected) {
    chosen = (selected || []).map((row) => row.alert_id);
    const bar = document.getElementById("alerts-bulk");
    if (!bar) return;
    bar.hidden = !chosen.length;
    document.getElementById("alerts-chosen").textContent = cityops.format.text("alerts_chosen", { count: chosen.length });
  }

  function refresh() {
    const query = new URLSearchParams();
    for (const [key, value] of filters()) query.set(key, query.has(key) ? query.get(key) + "," + value : value);
    const next = new URL(location.href);
    next.search = query;
    history.replaceState(history.state, "", next);
    if (grid()) grid().purgeInfiniteCache();
  }

  async function bulk(verb) {
    const answer = await cityops.alert.ask("actions", { action: verb, alert_ids: chosen });
    if (!answer.ok) { cityops.alert.tell("alerts-said", answer.said, true); return; }
    const { done, refused } = answer.body;
    const { text } = cityops.format;
    const said = done.length ? [text("done", { count: done.length })] : [];
    if (refused.length) said.push(text("refused", { count: refused.length, why: refused[0].detail }));
    cityops.alert.tell("alerts-said", said.join(" · "), refused.length > 0);
    if (grid()) { grid().deselectAll(); grid().refreshInfiniteCache(); }
  }

  function begin(root) {
    let timer = null;
    const later = (work) => { clearTimeout(timer); timer = setTimeout(work, QUIET_MS); };
    root.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-filter]");
      const many = event.target.closest("[data-bulk]");
      if (chip) {
        const on = chip.getAttribute("aria-pressed") !== "true";
        if (chip.dataset.filter === "domain") {
          for (const other of root.querySelectorAll('[data-filter="domain"]')) other.setAttribute("aria-pressed", "false");
        }
        chip.setAttribute("aria-pressed", String(on));
        refresh();
      } else if (many) bulk(many.dataset.bulk);
    });
    root.addEventListener("input", (event) => { if (event.target.id === "alerts-q") later(refresh); });
    const stop = cityops.live.on("frame", (frame) => {
      if (frame.alerts.length) later(() => { if (grid()) grid().refreshInfiniteCache(); });
    });
    if (window.innerWidth < 760) narrow(root);
    return () => { clearTimeout(timer); stop(); };
  }

  function narrow(root) {
    const wait = setInterval(() => {
      if (!root.isConnected) clearInterval(wait);
      let api = null;
      try { api = grid(); } catch (error) { return; }
      if (!api) return;
      clearInterval(wait);
      api.setColumnsVisible(HIDDEN_ON_PHONES, false);
    }, 100);
  }

  const make = (...parts) => window.React.createElement(...parts);
  const lang = () => cityops.format.settings().lang;
  const cell = (draw) => (props) => (props.data ? draw(props.data, props) : null);

  function shape(state) {
    const said = cityops.format.settings().states[state] || state;
    return make("span", { className: "state" }, make("span", { className: "mark mark--" + state, "aria-hidden": true }), said);
  }

  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  cells.AlertSeverity = cell((alert) => shape(alert.severity));
  cells.AlertDevice = cell((alert) => make("a", { href: "/alerts/" + alert.alert_id, className: "alerts__open" },
    alert.device_name[lang()] || alert.device_id));
  cells.AlertText = cell((alert) => make("span", { title: alert.text[lang()] }, alert.text[lang()]));
  cells.AlertStatus = cell((alert) => make("span", { className: "status status--" + alert.status },
    cityops.format.settings().statuses[alert.status] || alert.status));
  cells.AlertDomain = cell((alert) => make("span", {}, cityops.format.settings().domains[alert.domain] || alert.domain));
  cells.AlertTime = cell((alert, props) => make("span", {}, cityops.format.clock(alert[props.colDef.field],
    { hour: "2-digit", minute: "2-digit", day: "2-digit", month: "2-digit", hour12: false })));

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.alerts = { rows, chosen: (selected) => { select(selected); } };
  const wait = () => cityops.mount("alerts-root", begin);
  if (cityops.mount) wait();
  else document.addEventListener("DOMContentLoaded", wait);
})(window.cityops);
