/* The bench: asking for backtests, and stopping them. */
window.cityops = window.cityops || {};
(function () {
  "use strict";
  const place = (id) => document.getElementById("bench-" + id);
  const text = (key, facts) => Object.entries(facts || {}).reduce(
    (said, [name, value]) => said.replace("{" + name + "}", value),
    place("root").getAttribute("data-text-" + key) || key);

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content; // never as markup
    return made;
  }

  /* An error that belongs to a field, by the field's name. */
  function wrong(field, message) {
    const made = new Error(message);
    made.field = field;
    return made;
  }

  function say(message, kind) {
    place("said").dataset.kind = kind || "";
    place("said").textContent = message;
  }

  async function call(path, body) {
    const { csrf } = JSON.parse(document.getElementById("shell").dataset.config);
    const headers = { "X-CSRF-Token": csrf };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch("/api/v1/" + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    const found = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(found.said || found.detail), { detail: found.detail });
    return found;
  }

  function field(key, tag, facts) {
    const label = element("label", "entry bench__" + key);
    const made = element(tag);
    made.id = "bench-" + key;
    Object.assign(made, facts);
    made.setAttribute("aria-describedby", "bench-wrong");
    label.append(element("span", "", text(key)), made);
    place("pad").append(label);
    return made;
  }

  /* The fields are the browser's own: what is typed must outlive every refresh of the page. */
  function makeFields() {
    if (place("configuration")) return;
    const { start, end } = place("form").dataset;
    field("configuration", "select").addEventListener("change", showText);
    field("start", "input", { type: "datetime-local", value: start });
    field("end", "input", { type: "datetime-local", value: end });
    field("refit", "input", { type: "number", min: "0.1", step: "any", value: "72" });
    field("select", "input", { placeholder: text("select-hint"), autocomplete: "off" });
    const path = field("path", "input", { placeholder: text("path-hint"), autocomplete: "off" });
    path.setAttribute("list", "bench-paths");
    field("values", "input", { placeholder: text("values-hint"), autocomplete: "off" });
    field("name", "input", { maxLength: 120, autocomplete: "off" });
    field("reason", "input", { maxLength: 500, autocomplete: "off" });
    field("toml", "textarea", { rows: 14, spellcheck: false, className: "detectors__text" });
  }

  function showText() {
    place("toml").parentElement.hidden = place("configuration").value !== "own";
  }

  async function offerVersions() {
    const versions = await call("detection/versions");
    const active = await call("detection/active");
    const offered = [["", text("in-force")], ...versions.map((one) => [one.version, `${text("version", one)} · ${one.reason}`.slice(0, 70)]), ["own", text("own")]];
    place("configuration").replaceChildren(...offered.map(([value, label]) => Object.assign(element("option", "", label), { value })));
    if (!place("toml").value && active.version) place("toml").value = active.version.toml;
    showText();
  }

  async function open() {
    makeFields();
    await offerVersions();
    complain();
    place("form").hidden = false;
    place("configuration").focus();
  }

  function close() {
    place("form").hidden = true;
  }

  function selectors(typed) {
    return typed.split(";").filter((part) => part.trim()).map((part) => {
      const made = {};
      for (const word of part.trim().split(/\s+/)) {
        const [key, values] = [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)];
        if (!word.includes("=") || !key || !values) throw wrong("select", text("no-word", { word }));
        const into = key.startsWith("tags.") ? (made.tags = made.tags || {}) : made;
        into[key.replace(/^tags\./, "")] = values.split(",");
      }
      return made;
    });
  }

  function value(word) {
    if (word === "true" || word === "false") return word === "true";
    return word !== "" && Number.isFinite(Number(word)) ? Number(word) : word;
  }

  function grid() {
    const path = place("path").value.trim();
    const values = place("values").value.split(/[,;\s]+/).filter(Boolean);
    if (!path && !values.length) return {};
    if (!path || !values.length) throw wrong(path ? "values" : "path", text("no-values"));
    return { [path]: values.map(value) };
  }

  function wanted() {
    const [start, end] = [place("start").value, place("end").value];
    if (!start || !end) throw wrong(start ? "end" : "start", text("no-time"));
    if (start >= end) throw wrong("start", text("order"));
    const { offset } = place("form").dataset;
    const chosen = place("configuration").value;
    return {
      ...(chosen === "own" ? { toml: place("toml").value } : chosen ? { version: Number(chosen) } : {}),
      start: start + ":00" + offset,
      end: end + ":00" + offset,
      options: { select: selectors(place("select").value), refit_h: Number(place("refit").value) },
      sweep: grid(),
      name: place("name").value.trim(),
      reason: place("reason").value.trim(),
    };
  }

  /* Which field an answer of the interface speaks of. */
  function fieldOf(message) {
    const path = place("path").value.trim();
    if (path && (message.includes(path) || message.includes(path.split(".").pop()) || /sweep/.test(message))) return "path";
    if (/refit_h/.test(message)) return "refit";
    if (/select|zone|domain|metric/.test(message)) return "select";
    if (/\b(start|end)\b/.test(message)) return "start";
    return place("configuration").value === "own" ? "toml" : "configuration";
  }

  function complain(error) {
    for (const one of place("pad").querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    place("wrong").textContent = error ? error.message : "";
    if (!error) return;
    const where = place(error.field || fieldOf(error.detail || error.message));
    where.setAttribute("aria-invalid", "true");
    where.focus();
  }

  async function ask() {
    const go = place("go");
    go.disabled = true;
    try {
      const made = await call("backtests", wanted());
      complain();
      close();
      const facts = { run: "#" + made[0].backtest_run_id, count: made.length };
      say(text(made.length > 1 ? "asked-sweep" : "asked", facts));
    } catch (error) {
      complain(error);
    } finally {
      go.disabled = false;
    }
  }

  async function stop(from) {
    const { run } = from.dataset;
    from.disabled = true;
    await call(`backtests/${run}/cancel`, {});
    say(text("told", { run: "#" + run }));
  }

  const ACTS = { open, close: async () => close(), ask, stop };

  document.addEventListener("click", async (event) => {
    const from = event.target.closest("[data-bench]");
    if (!from || !place("root") || !place("root").contains(from)) return;
    try {
      await ACTS[from.dataset.bench](from);
    } catch (error) {
      say(error.message, "error");
    }
  });
})();
