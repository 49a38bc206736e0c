/* One's own account: the sessions, and the password. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const FIELDS = ["current", "new", "again"];
  let root = null;

  const place = (name) => document.getElementById("account-" + name);
  const text = (key, values) => (root.getAttribute("data-text-" + key) || key)
    .replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? values[name] : whole));
  const when = (millis) => cityops.format.clock(millis, {
    day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

  /* Resolves to { ok, status, body, said }. */
  async function ask(path, method, body) {
    const { settings, text: said } = cityops.format;
    const headers = { "X-CSRF-Token": settings().csrf || "" };
    if (body) headers["Content-Type"] = "application/json";
    try {
      const answer = await fetch("/api/v1/session/" + path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
      const found = await answer.json();
      return { ok: answer.ok, status: answer.status, body: found, said: answer.ok ? "" : found.said || found.detail };
    } catch (error) {
      return { ok: false, status: 0, body: null, said: said("unreachable") };
    }
  }

  function say(message, failed) {
    const said = place("said");
    if (!said) return;
    said.dataset.kind = failed ? "error" : "";
    said.textContent = message;
  }

  function row(session) {
    const { element } = cityops.format;
    const address = element("td", "", session.address);
    if (session.current) address.append(" ", element("span", "pill", text("here")));
    return element("tr", "", element("td", "", when(session.created_at)), element("td", "", when(session.seen_at)),
      element("td", "", when(session.expires_at)), address);
  }

  async function refresh() {
    const answer = await ask("all", "GET");
    if (!place("sessions")) return; // another page by now
    if (!answer.ok) { say(answer.said, true); return; }
    place("sessions").replaceChildren(...answer.body.map(row));
    place("end").disabled = answer.body.length < 2;
  }

  async function endOthers() {
    const answer = await ask("end-others", "POST");
    say(answer.ok ? text("ended", { count: answer.body.ended }) : answer.said, !answer.ok);
    refresh();
  }

  function refuse(message) { cityops.alert.tell("account-password-said", message, Boolean(message)); }

  async function changePassword(event) {
    event.preventDefault();
    const fields = new FormData(place("password"));
    if (fields.get("new") !== fields.get("again")) { refuse(text("differ")); return; }
    const answer = await ask("password", "POST", { current: fields.get("current"), password: fields.get("new") });
    if (!answer.ok) {
      refuse(answer.status === 403 ? text("wrong") : answer.status === 429 ? text("often") : answer.said);
      return;
    }
    refuse("");
    for (const name of FIELDS) window.dash_clientside.set_props("account-" + name, { value: "" });
    say(text("changed", { count: answer.body.ended }));
    refresh();
  }

  function begin(found) {
    root = found;
    place("end").onclick = endOthers;
    place("password").onsubmit = changePassword;
    refresh();
  }

  /* shell.js, which has mount, is loaded after this file. */
  document.addEventListener("DOMContentLoaded", () => cityops.mount("account-root", begin));
})(window.cityops);
