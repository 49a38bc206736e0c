/* The alerts page: filters and order in the address, rows for the table, actions on many. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const QUIET_MS = 300;
  const LISTS = ["status", "severity", "domain", "assigned"];
  const ALONE = ["domain", "assigned"]; // one of these at a time
  const COVERS = ["loading", "none", "empty", "failed"];
  const NEWEST = { by: "opened_at", descending: true };
  const phone = window.matchMedia("(max-width: 760px)");
  let order = NEWEST;
  let chosen = [];
  let asked = ""; // the question the list on the page answers

  const place = (name) => document.getElementById("alerts-" + name);
  function grid() {
    try { return window.dash_ag_grid.getApi("alerts-grid"); } catch (error) { return null; } // not there yet
  }

  function pressed() {
    const found = LISTS.flatMap((name) =>
      [...document.querySelectorAll(`[data-filter="${name}"][aria-pressed="true"]`)].map((chip) => [name, chip.dataset.value]));
    const typed = place("q") && place("q").value.trim();
    return typed ? [...found, ["q", typed]] : found;
  }

  /* What the interface is asked for; "mine" is the reader's name there. */
  function question(offset, limit) {
    const query = new URLSearchParams();
    for (const [name, value] of pressed()) {
      if (name !== "assigned") query.append(name, value);
      else if (value === "nobody") query.set("unassigned", "true");
      else query.set("assignee", cityops.format.settings().name);
    }
    query.set("sort", order.by);
    query.set("descending", String(order.descending));
    query.set("offset", offset);
    query.set("limit", limit);
    return query;
  }

  /* The alerts of a part of the list and how many there are in all; null where asking failed. */
  async function find(offset, limit) {
    asked = String(question(0, 0));
    try {
      const answer = await fetch("/api/v1/alerts?" + question(offset, limit), { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const total = Number(answer.headers.get("X-Total-Count"));
      const found = await answer.json();
      count(total);
      cover(total ? "" : pressed().length ? "none" : "empty");
      return { total, found };
    } catch (error) {
      cover("failed");
      return null;
    }
  }

  async function rows(request) {
    if (!request || phone.matches) return window.dash_clientside.no_update;
    const [sort] = request.sortModel || [];
    order = sort ? { by: sort.colId, descending: sort.sort === "desc" } : NEWEST;
    remember();
    const answer = await find(request.startRow, request.endRow - request.startRow);
    if (!answer) return { rowData: [], rowCount: 0 };
    const rowData = answer.found.map((alert) => ({ row_id: String(alert.alert_id), ...alert }));
    return { rowData, rowCount: answer.total };
  }

  function cover(name) {
    for (const one of COVERS) if (place(one)) place(one).hidden = one !== name;
  }

  function count(total) {
    if (place("count")) place("count").textContent = cityops.format.text("alerts_found", { count: cityops.format.number(total, 0) });
  }

  function choose(ids) {
    chosen = ids;
    const bar = place("bulk");
    if (!bar) return;
    bar.hidden = !ids.length;
    place("chosen").textContent = cityops.format.text("alerts_chosen", { count: ids.length });
  }

  /* The filters and the order, where it is another than the usual, in the address. */
  function remember() {
    const query = new Map();
    for (const [name, value] of pressed()) query.set(name, query.has(name) ? query.get(name) + "," + value : value);
    if (order.by !== NEWEST.by || !order.descending) query.set("sort", order.by).set("order", order.descending ? "desc" : "asc");
    const next = new URL(location.href);
    next.search = new URLSearchParams([...query]);
    if (next.href !== location.href) history.replaceState(history.state, "", next.href.replace(/%2C/g, ","));
    const some = pressed().length;
    const pill = document.querySelector("#alerts-filter-switch .pill");
    if (pill) { pill.textContent = some; pill.hidden = !some; }
  }

  function refresh() {
    remember();
    choose([]);
    cover("loading");
    if (phone.matches) cityops.alertCards.start();
    else if (grid()) { grid().deselectAll(); grid().purgeInfiniteCache(); }
  }

  /* After typing: asking the same again would only take away what was ticked meanwhile. */
  function search() { if (String(question(0, 0)) !== asked) refresh(); }

  /* The rows as they are now, where they are; nothing is covered. */
  function renew() {
    if (phone.matches) cityops.alertCards.renew();
    else if (grid()) grid().refreshInfiniteCache();
  }

  async function bulk(verb) {
    const answer = await cityops.alert.ask("actions", { action: verb, alert_ids: chosen });
    if (!answer.ok) { cityops.alert.tell("alerts-said", answer.said, true); return; }
    const { done, refused } = answer.body;
    const { text } = cityops.format;
    const said = done.length ? [text("done", { count: done.length })] : [];
    if (refused.length) said.push(text("refused", { count: refused.length, why: refused[0].said || refused[0].detail }));
    cityops.alert.tell("alerts-said", said.join(" · "), refused.length > 0);
    choose([]);
    cityops.alertCards.untick();
    if (grid()) grid().deselectAll();
    renew();
  }

  function press(chip) {
    const { filter } = chip.dataset;
    const on = chip.getAttribute("aria-pressed") !== "true";
    if (ALONE.includes(filter)) {
      for (const other of document.querySelectorAll(`[data-filter="${filter}"]`)) other.setAttribute("aria-pressed", "false");
    }
    chip.setAttribute("aria-pressed", String(on));
    refresh();
  }

  function clear() {
    for (const chip of document.querySelectorAll("[data-filter]")) chip.setAttribute("aria-pressed", "false");
    window.dash_clientside.set_props("alerts-q", { value: "" });
    requestAnimationFrame(refresh);
  }

  function click(event) {
    const target = event.target.closest("button");
    if (!target) return;
    if (target.dataset.filter) press(target);
    else if (target.dataset.bulk) bulk(target.dataset.bulk);
    else if (target.id === "alerts-clear") clear();
    else if (target.id === "alerts-again") refresh();
    else if (target.id === "alerts-filter-switch") {
      target.setAttribute("aria-expanded", String(place("filters").classList.toggle("alerts__filters--open")));
    }
  }

  /* Enter opens the row that has the focus; the grid itself moves the focus and ticks with the space bar. */
  function key(event) {
    const row = event.key === "Enter" && event.target.matches(".ag-cell") && event.target.closest(".ag-row");
    if (row && row.getAttribute("row-id")) location.assign("/alerts/" + row.getAttribute("row-id"));
    else if (event.key === "Escape" && chosen.length && grid()) grid().deselectAll();
  }

  function begin(root) {
    let timer = null;
    const later = (work) => { clearTimeout(timer); timer = setTimeout(work, QUIET_MS); };
    const parameters = new URL(location.href).searchParams;
    const by = parameters.get("sort");
    order = by ? { by, descending: parameters.get("order") !== "asc" } : NEWEST;
    const orders = place("order");
    if ([...orders.options].some((option) => option.value === order.by)) orders.value = order.by;
    orders.onchange = () => { order = { by: orders.value, descending: true }; refresh(); };
    root.addEventListener("click", click);
    root.addEventListener("keydown", key);
    root.addEventListener("input", (event) => { if (event.target.id === "alerts-q") later(search); });
    const stops = [
      cityops.live.on("frame", (frame) => { if (frame.alerts.length) later(renew); }),
      cityops.live.on("reset", () => later(renew)),
    ];
    phone.addEventListener("change", refresh);
    remember();
    if (phone.matches) cityops.alertCards.start();
    return () => { clearTimeout(timer); phone.removeEventListener("change", refresh); stops.forEach((stop) => stop()); };
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.alerts = { rows, chosen: (selected) => { choose((selected || []).map((row) => row.alert_id)); } };
  cityops.alerts = { find, choose };
  const wait = () => cityops.mount("alerts-root", begin);
  if (cityops.mount) wait();
  else document.addEventListener("DOMContentLoaded", wait);
})(window.cityops);
