/* The alert feed: live alerts, newest first; an ended one fades and leaves. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const SHOWN = 120;
  const FADE_MS = 12000;
  const RANK = { info: 0, minor: 1, major: 2, critical: 3 };
  const rows = new Map(); // alert id → { item, button, alert, endedAt, ack, refused }
  let hidden = new Set();
  let least = 0; // rank of the mildest severity that is shown
  let onChoose = () => {};

  function list() { return document.getElementById("overview-feed"); }

  function reset() {
    rows.clear();
    const place = list();
    if (!place) return;
    recall();
    place.replaceChildren();
    place.setAttribute("aria-busy", "false");
    for (const alert of cityops.live.alerts.values()) put(alert, false);
    arrange();
  }

  function frame(frame) {
    if (!list() || !frame.alerts.length) return;
    for (const alert of frame.alerts) {
      if (alert.live) put(alert, !rows.has(alert.alert_id));
      else end(alert);
    }
    arrange();
  }

  function put(alert, fresh) {
    const row = rows.get(alert.alert_id) || make(alert);
    if (alert.version !== row.alert.version) refuse(row, "");
    row.alert = alert;
    row.endedAt = 0;
    fill(row);
    if (fresh) row.button.classList.add("alert--new");
  }

  function make(alert) {
    const { element } = cityops.format;
    const button = element("button", "alert");
    const item = element("li", "", button);
    button.type = "button";
    button.dataset.alertId = alert.alert_id;
    button.dataset.device = alert.device_id;
    button.addEventListener("click", () => onChoose(rows.get(alert.alert_id).alert));
    const row = { item, button, alert, endedAt: 0, ack: null, refused: null };
    rows.set(alert.alert_id, row);
    return row;
  }

  function fill(row) {
    const { element, mark, settings } = cityops.format;
    const { alert, button } = row;
    const lang = settings().lang;
    button.dataset.severity = alert.severity;
    const silent = alert.rule === "silence";
    button.replaceChildren(
      mark(silent ? "silent" : alert.severity),
      element("span", "alert__device", alert.device_name[lang] || alert.device_id),
      element("time", "alert__age"),
      element("span", "alert__text", alert.text[lang] || alert.rule),
    );
    button.title = settings().states[alert.severity] || alert.severity;
    offer(row);
    age(row);
  }

  /* One click acknowledges; the feed's next frame takes the button away. */
  function offer(row) {
    const { element, text } = cityops.format;
    const wanted = row.alert.status === "open" && cityops.alert.mayAct();
    row.button.classList.toggle("alert--acts", wanted);
    if (wanted === Boolean(row.ack)) return;
    if (!wanted) { row.ack.remove(); row.ack = null; return; }
    row.ack = element("button", "alert__ack", "✓");
    row.ack.type = "button";
    row.ack.title = text("acknowledge");
    row.ack.setAttribute("aria-label", text("acknowledge"));
    row.ack.addEventListener("click", () => acknowledge(row));
    row.item.append(row.ack);
  }

  async function acknowledge(row) {
    const { alert, ack } = row;
    ack.disabled = true;
    refuse(row, "");
    const answer = await cityops.alert.ask(`${alert.alert_id}/acknowledge`, { version: alert.version });
    ack.disabled = false;
    if (!answer.ok) refuse(row, answer.said);
  }

  /* Why acknowledging was refused, in the row and to who listens; it goes with the alert's next change. */
  function refuse(row, said) {
    if (row.refused) row.refused.remove();
    row.refused = said ? cityops.format.element("p", "alert__refused", said) : null;
    if (!said) return;
    row.refused.setAttribute("role", "alert");
    row.item.append(row.refused);
  }

  function age(row) {
    const place = row.button.querySelector(".alert__age");
    const said = cityops.format.age(cityops.live.now() - row.alert.opened_at);
    if (place.textContent !== said) place.textContent = said;
  }

  function end(alert) {
    const row = rows.get(alert.alert_id);
    if (!row || row.endedAt) return;
    row.alert = alert;
    row.endedAt = Date.now();
    fill(row);
    row.button.classList.add("alert--ended");
  }

  function arrange() {
    const place = list();
    if (!place) return;
    const shown = [...rows.values()]
      .filter((row) => !hidden.has(row.alert.domain) && (RANK[row.alert.severity] || 0) >= least)
      .sort((a, b) => b.alert.opened_at - a.alert.opened_at || b.alert.alert_id - a.alert.alert_id)
      .slice(0, SHOWN);
    const items = shown.map((row) => row.item);
    // Move only what is out of place: the focus and the scroll position stay.
    let next = place.firstChild;
    for (const item of items) {
      if (item === next) next = next.nextSibling;
      else place.insertBefore(item, next);
    }
    while (next) { const gone = next; next = next.nextSibling; gone.remove(); }
    if (!items.length) place.replaceChildren(nothing());
    const count = document.getElementById("overview-feed-count");
    if (count) count.textContent = cityops.format.number(cityops.live.alerts.size, 0);
  }

  function nothing() {
    const { element, text } = cityops.format;
    const some = cityops.live.alerts.size > 0;
    const said = element("strong", "", text(some ? "no_alerts_filtered" : "no_alerts"));
    return some ? element("li", "feed__none", said) : element("li", "feed__none", said, text("no_alerts_hint"));
  }

  function tick() {
    let left = false;
    for (const [id, row] of rows) {
      if (row.endedAt && Date.now() - row.endedAt > FADE_MS) { rows.delete(id); left = true; } else age(row);
    }
    if (left) arrange();
  }

  /* From which severity on alerts are shown; the address keeps it. */
  function chooseLeast(event) {
    if (event.target.id !== "overview-feed-least") return;
    const { value } = event.target;
    const next = new URL(location.href);
    if (value === "info") next.searchParams.delete("feed");
    else next.searchParams.set("feed", value);
    history.replaceState(history.state, "", next);
    least = RANK[value];
    arrange();
  }

  function recall() {
    const choice = document.getElementById("overview-feed-least");
    const asked = new URL(location.href).searchParams.get("feed");
    least = RANK[asked] || 0;
    if (choice) choice.value = least ? asked : "info";
  }

  document.addEventListener("change", chooseLeast);

  function choose(deviceId) {
    for (const row of rows.values()) {
      row.button.classList.toggle("alert--chosen", row.alert.device_id === deviceId);
    }
  }

  cityops.feed = {
    reset, frame, tick, choose,
    hide(domains) { hidden = domains; arrange(); },
    onChoose(handler) { onChoose = handler; },
  };
})(window.cityops);
