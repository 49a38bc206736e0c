/* Detectors: editing the configuration, comparing versions, putting one in force. */
window.cityops = window.cityops || {};
(function () {
  "use strict";
  const PAUSE_MS = 400;
  let root = null;
  let base = null; // the version the editor's text was made from
  let waiting = null;
  let asked = 0;

  const place = (id) => document.getElementById("detectors-" + id);
  const text = (key, facts) => Object.entries(facts || {}).reduce(
    (said, [name, value]) => said.replace("{" + name + "}", value), root.getAttribute("data-text-" + key) || key);

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content; // never as markup
    return made;
  }

  function say(message, kind) {
    place("said").dataset.kind = kind || "";
    place("said").textContent = message;
  }

  async function ask(path, body) {
    const { csrf } = JSON.parse(document.getElementById("shell").dataset.config);
    const headers = { "X-CSRF-Token": csrf };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch("/api/v1/detection/" + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.detail);
    return found;
  }

  async function act(work) {
    try {
      await work();
    } catch (error) {
      say(inWords(error.message), "error");
    }
  }

  /* The line of the text that an error speaks of, from 1; 0 where it cannot be told. */
  function lineOf(message, lines) {
    const told = /\(at line (\d+)/.exec(message);
    if (told) return Number(told[1]);
    const heads = lines.map((line, i) => (/^\s*\[\[\s*detector\s*\]\]/.test(line) ? i : -1)).filter((i) => i >= 0);
    const number = /^detector\[(\d+)\]/.exec(message);
    const name = /^([a-z][a-z0-9_-]*): /.exec(message);
    const named = name && lines.findIndex((line) => new RegExp("^\\s*name\\s*=\\s*[\"']" + name[1] + "[\"']").test(line));
    const first = number ? heads[Number(number[1])] : named >= 0 && name ? named : undefined;
    if (first === undefined) return 0;
    const end = heads.find((head) => head > first) ?? lines.length;
    const quoted = /`(\w+)`/.exec(message);
    const keys = (quoted ? [quoted[1]] : []).concat((message.split(": ").slice(0, 2).join(".").match(/[a-z_]\w*/g) || []).reverse());
    for (const key of keys) {
      const within = lines.slice(first, end).findIndex((line) => new RegExp("(^|[\\s{,.\\[])" + key + "\\s*=|\\.\\s*" + key + "\\s*\\]").test(line));
      if (within >= 0) return first + within + 1;
    }
    return first + 1;
  }

  /* The usual complaints in the reader's language; the key before them stays, and unusual ones are English. */
  function inWords(message) {
    for (const [pattern, said] of JSON.parse(root.dataset.faults)) {
      const found = new RegExp(pattern).exec(message);
      if (found) {
        const fill = (whole, name) => (found.groups && found.groups[name]) ?? whole;
        return message.slice(0, found.index) + said.replace(/\{(\w+)\}/g, fill) + message.slice(found.index + found[0].length);
      }
    }
    return message;
  }

  function complain(message) {
    const area = place("text");
    const lines = area.value.split("\n");
    const line = message ? lineOf(message, lines) : 0;
    place("wrong").textContent = message ? (line ? text("line", { line }) + ": " : "") + inWords(message) : "";
    area.toggleAttribute("data-wrong", Boolean(message));
    area.setAttribute("aria-invalid", message ? "true" : "false");
    area.dataset.line = line;
  }

  const json = (value) => (value === null || value === undefined ? text("nothing") : JSON.stringify(value));

  function changeList(changes) {
    const list = element("ul");
    for (const change of changes) {
      const said = change.key
        ? `${change.key}: ${json(change.before)} → ${json(change.after)}`
        : `${text(change.after === null ? "removed" : "added")}: ${json(change.after === null ? change.before : change.after)}`;
      const item = element("li", "detectors__code");
      item.append(element("strong", "", change.detector), " · ", said);
      list.append(item);
    }
    return list;
  }

  async function check() {
    const mine = asked += 1;
    const apply = place("apply");
    apply.disabled = true;
    try {
      const found = await ask("validate", { toml: place("text").value });
      if (mine !== asked) return;
      complain("");
      const lines = found.doubts.map((doubt) => element("p", "detectors__doubt",
        text("doubt-" + doubt.what.replaceAll("_", "-"), { detector: doubt.detector, key: doubt.key, other: doubt.other })));
      const note = element("p", "", text(found.changes.length ? "good" : "unchanged", { count: found.detectors }));
      place("found").replaceChildren(note, ...lines, changeList(found.changes));
      apply.disabled = !found.changes.length;
    } catch (error) {
      if (mine !== asked) return;
      place("found").replaceChildren();
      complain(error.message);
    }
  }

  /* The fields are the browser's own: what is typed must outlive every refresh of the page. */
  function makeFields() {
    if (place("text")) return;
    const label = element("label", "entry");
    const area = element("textarea", "detectors__text");
    area.id = "detectors-text";
    area.rows = 18;
    area.spellcheck = false;
    area.setAttribute("aria-describedby", "detectors-wrong");
    label.append(element("span", "", text("toml")), area);
    place("pad").append(label);
    const reason = element("input", "field detectors__reason");
    reason.id = "detectors-reason";
    reason.maxLength = 500;
    reason.autocomplete = "off";
    reason.placeholder = text("why");
    reason.setAttribute("aria-label", text("reason"));
    place("why").append(reason);
  }

  async function edit() {
    makeFields();
    const active = await ask("active");
    base = active.version ? active.version.version : null;
    place("text").value = active.version ? active.version.toml : "";
    place("reason").value = "";
    place("editor").hidden = false;
    say("");
    place("text").focus();
    await check();
  }

  function close() {
    asked += 1;
    clearTimeout(waiting);
    place("editor").hidden = true;
  }

  async function apply() {
    const reason = place("reason");
    if (!reason.value.trim()) {
      reason.focus();
      reason.setAttribute("aria-invalid", "true");
      return;
    }
    try {
      const made = await ask("versions", { toml: place("text").value, reason: reason.value, based_on: base });
      close();
      say(text("applied", { version: made.version.version }));
    } catch (error) {
      complain(error.message);
    }
  }

  function dialog(title) {
    const made = element("dialog", "mend");
    made.setAttribute("aria-label", title);
    made.append(element("h2", "panel__title", title));
    made.addEventListener("close", () => made.remove());
    document.body.append(made);
    return made;
  }

  function button(label, work, main) {
    const made = element("button", main ? "button button--main" : "button", label);
    made.type = "button";
    made.addEventListener("click", work);
    return made;
  }

  function chooser(label, versions, value) {
    const box = element("label", "entry");
    const made = element("select");
    for (const one of versions) {
      const option = element("option", "", `${one.version} · ${one.reason}`.slice(0, 60));
      option.value = one.version;
      made.append(option);
    }
    if (value) made.value = value;
    box.append(element("span", "", label), made);
    return [box, made];
  }

  async function differences(before, after, into) {
    try {
      const found = await ask(`diff?before=${before}&after=${after}`);
      into.replaceChildren(found.length ? changeList(found) : element("p", "", text("same")));
    } catch (error) {
      into.replaceChildren(element("p", "mend__wrong", inWords(error.message)));
    }
  }

  async function compare(from) {
    const versions = await ask("versions");
    if (!versions.length) return;
    const after = Number(from.dataset.version) || versions[0].version;
    const older = versions.find((one) => one.version < after) || versions[0];
    const box = dialog(text("compare"));
    const [firstBox, first] = chooser(text("before"), versions, Number(from.dataset.before) || older.version);
    const [secondBox, second] = chooser(text("after"), versions, after);
    const ends = element("div", "detectors__ends");
    ends.append(firstBox, secondBox);
    const found = element("div", "detectors__found");
    const acts = element("div", "mend__acts");
    acts.append(button(text("cancel"), () => box.close()));
    box.append(ends, found, acts);
    const draw = () => differences(first.value, second.value, found);
    first.addEventListener("change", draw);
    second.addEventListener("change", draw);
    await draw();
    box.showModal();
  }

  async function restore(from) {
    const version = Number(from.dataset.version);
    const active = await ask("active");
    const box = dialog(text("restore", { version }));
    const found = element("div", "detectors__found");
    const form = element("form", "mend__form");
    const label = element("label", "entry");
    const reason = element("input");
    reason.required = true;
    reason.maxLength = 500;
    reason.autocomplete = "off";
    label.append(element("span", "", text("reason")), reason);
    const wrong = element("p", "mend__wrong");
    wrong.setAttribute("role", "alert");
    const acts = element("div", "mend__acts");
    const go = element("button", "button button--main", text("activate"));
    go.type = "submit";
    acts.append(button(text("cancel"), () => box.close()), go);
    form.append(label, wrong, acts);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await ask(`versions/${version}/activate`, { reason: reason.value });
        box.close();
        say(text("applied", { version }));
      } catch (error) {
        wrong.textContent = error.message;
      }
    });
    box.append(found, form);
    if (active.version) await differences(active.version.version, version, found);
    box.showModal();
    reason.focus();
  }

  const ACTS = { edit, apply, compare, restore, cancel: async () => close() };

  document.addEventListener("click", (event) => {
    const from = event.target.closest("[data-act]");
    root = document.getElementById("detectors-root");
    if (from && root && root.contains(from) && ACTS[from.dataset.act]) act(() => ACTS[from.dataset.act](from));
  });

  document.addEventListener("input", (event) => {
    root = document.getElementById("detectors-root");
    if (!root) return;
    if (event.target.id === "detectors-text") {
      place("apply").disabled = true;
      clearTimeout(waiting);
      waiting = setTimeout(check, PAUSE_MS);
    } else if (event.target.id === "detectors-reason") {
      event.target.removeAttribute("aria-invalid");
    }
  });
})();
