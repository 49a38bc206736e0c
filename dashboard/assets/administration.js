/* The administration page: people, keys and the audit log, from the interface. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const PAGE = 50; // audit entries at a time
  const SURE_MS = 4000;
  let root = null;

  const place = (name) => document.getElementById("administration-" + name);
  const text = (key) => root.getAttribute("data-text-" + key.replace("_", "-")) || key;
  const roleName = (role) => root.getAttribute("data-role-" + role) || role;
  const when = (ms) => ms === null ? text("never") : cityops.format.clock(ms, {
    day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

  async function ask(path, method, body) {
    const { csrf } = JSON.parse(document.getElementById("shell").dataset.config);
    const headers = { "X-CSRF-Token": csrf };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch("/api/v1/" + path, { method: method || "GET", headers, body: body && JSON.stringify(body) });
    const document_ = await answer.json();
    if (!answer.ok) throw new Error(document_.said || document_.detail);
    return document_;
  }

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content; // never as markup
    return made;
  }

  function say(message, kind, secret) {
    const said = place("said");
    said.dataset.kind = kind || "";
    said.replaceChildren(message);
    if (secret) said.append(" ", element("code", "administration__secret", secret));
  }

  /* Runs a change, says what came of it, and shows the new state. */
  async function change(work) {
    try {
      const made = await work();
      await refresh(); // first: a row that is drawn anew forgets a first press
      if (made && made.password) say(text("password").replace("{name}", made.name), "secret", made.password);
      else if (made && made.key) say(text("key").replace("{name}", made.label), "secret", made.key);
      else say(text("done"));
    } catch (error) {
      say(error.message, "error");
      refresh().catch(() => {}); // a refused role goes back to what it is
    }
  }

  /* A button that acts at once, or where it takes something away, at the second press. */
  function button(label, work, careful) {
    const made = element("button", "button", label);
    made.type = "button";
    made.onclick = () => {
      if (careful && !made.dataset.sure) {
        made.dataset.sure = "1";
        made.textContent = text("sure");
        setTimeout(() => { delete made.dataset.sure; made.textContent = label; }, SURE_MS);
        return;
      }
      change(work);
    };
    return made;
  }

  function row(cells, acts) {
    const made = element("tr");
    for (const cell of cells) {
      const box = element("td");
      box.append(cell);
      made.append(box);
    }
    if (acts) {
      const box = element("td");
      const side = element("div", "people__acts");
      side.append(...acts);
      box.append(side);
      made.append(box);
    }
    return made;
  }

  function roleChoice(person) {
    const made = element("select");
    made.setAttribute("aria-label", person.name);
    for (const role of ["viewer", "operator", "engineer", "administrator"]) {
      const option = element("option", "", roleName(role));
      option.value = role;
      made.append(option);
    }
    made.value = person.role;
    made.onchange = () => {
      change(() => ask("people/" + encodeURIComponent(person.name), "PATCH", { role: made.value }));
    };
    return made;
  }

  function personRow(person) {
    const path = "people/" + encodeURIComponent(person.name);
    const turn = button(text(person.active ? "disable" : "enable"),
      () => ask(path, "PATCH", { active: !person.active }), person.active);
    const reset = button(text("reset"), () => ask(path + "/password", "POST"), true);
    const made = row([person.name, roleChoice(person), text(person.active ? "active" : "disabled"),
      when(person.seen_at)], [reset, turn]);
    made.dataset.person = person.name;
    made.toggleAttribute("data-ended", !person.active);
    return made;
  }

  function keyRow(key) {
    const revoke = button(text("revoke"), () => ask("keys/" + key.api_key_id, "DELETE"), true);
    const made = row([key.label, key.hint + "…", key.person, key.scopes.join(", "), when(key.expires_at),
      when(key.last_used_at), text(key.active ? "active" : "ended")], key.active ? [revoke] : []);
    made.dataset.key = key.api_key_id;
    made.toggleAttribute("data-ended", !key.active);
    return made;
  }

  function emptyRow() {
    const made = row([text("no_keys")]);
    made.firstElementChild.colSpan = 8;
    return made;
  }

  function entryRow(entry) {
    const words = JSON.parse(root.dataset.audit);
    const own = (table, key) => Object.hasOwn(words[table], key) ? words[table][key] : key;
    const said = (name, value) => name === "role" ? roleName(value) : value;
    const detail = Object.entries(entry.detail).map(([name, value]) => own("facts", name) + ": " + said(name, value)).join(", ");
    const made = row([when(entry.at), own("names", entry.actor), own("actions", entry.action), own("names", entry.object), detail]);
    made.children[2].title = entry.action;
    made.dataset.entry = entry.audit_entry_id;
    return made;
  }

  async function refresh() {
    const [people, keys, entries] = await Promise.all([ask("people"), ask("keys"), ask("audit?limit=" + PAGE)]);
    if (!place("people")) return; // another page by now
    place("people").replaceChildren(...people.map(personRow));
    place("keys").replaceChildren(...(keys.length ? keys.map(keyRow) : [emptyRow()]));
    place("audit").replaceChildren(...entries.map(entryRow));
    place("older").hidden = entries.length < PAGE;
  }

  async function older() {
    const last = place("audit").lastElementChild;
    if (!last) return;
    const entries = await ask(`audit?limit=${PAGE}&before=${last.dataset.entry}`);
    place("audit").append(...entries.map(entryRow));
    place("older").hidden = entries.length < PAGE;
  }

  function submitting(form, input, send) {
    place(form).onsubmit = (event) => {
      event.preventDefault();
      const fields = new FormData(place(form));
      change(async () => {
        const made = await send(fields);
        window.dash_clientside.set_props("administration-" + input, { value: "" });
        return made;
      });
    };
  }

  function begin(found) {
    root = found;
    submitting("new-person", "name", (fields) =>
      ask("people", "POST", { name: fields.get("name"), role: fields.get("role") }));
    submitting("new-key", "label", (fields) => ask("keys", "POST", {
      label: fields.get("label"), scopes: fields.get("scopes").split(" "), days: Number(fields.get("days")) }));
    place("older").onclick = () => older().catch((error) => say(error.message, "error"));
    refresh().catch((error) => say(error.message, "error"));
  }

  /* shell.js, which has mount, is loaded after this file. */
  document.addEventListener("DOMContentLoaded", () => cityops.mount("administration-root", begin));
})(window.cityops);
