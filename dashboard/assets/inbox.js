/* Inbox and quarantine: adopting a device, and mending, replaying and dropping messages. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const SURE_MS = 4000;
  const LOOK_MS = 500;
  const LOOKS = 40;
  let root = null;

  const text = (key, facts) => Object.entries(facts || {}).reduce(
    (said, [name, value]) => said.replace("{" + name + "}", value), root.getAttribute("data-text-" + key.replace("_", "-")) || key);

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content; // never as markup
    return made;
  }

  function say(message, kind) {
    const said = document.getElementById(root.id === "inbox-root" ? "inbox-said" : "quarantine-said");
    said.dataset.kind = kind || "";
    said.textContent = message;
  }

  async function ask(path, body) {
    const { csrf } = JSON.parse(document.getElementById("shell").dataset.config);
    const headers = { "X-CSRF-Token": csrf };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch("/api/v1/" + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    const document_ = await answer.json();
    if (!answer.ok) throw new Error(document_.said || document_.detail);
    return document_;
  }

  /* Tells what came of a replay as soon as ingest has done it. */
  async function follow(number, before) {
    for (let look = 0; look < LOOKS; look += 1) {
      const found = await ask("replays/" + number);
      if (found.done_at !== null) {
        const refused = found.refusals.length
          ? " " + text("refused", { count: found.refused }) + " " + found.refusals[0].detail : "";
        const key = found.dry_run ? "would" : "left";
        say([before, text(key, { count: found.replayed, readings: found.readings }) + refused].filter(Boolean).join(" "),
          found.refused ? "error" : "");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    say([before, text("waits")].filter(Boolean).join(" "), "error");
  }

  async function act(work) {
    try {
      await work();
    } catch (error) {
      say(error.message, "error");
    }
  }

  /* What takes something away acts at the second press. */
  function sure(button) {
    if (button.dataset.sure) return true;
    const label = button.textContent;
    button.dataset.sure = "1";
    button.textContent = text("sure");
    setTimeout(() => { delete button.dataset.sure; button.textContent = label; }, SURE_MS);
    return false;
  }

  function field(form, name, label, control) {
    const box = element("label", "entry");
    box.append(element("span", "", label), control);
    control.name = name;
    form.append(box);
    return control;
  }

  function input(value, kind) {
    const made = element("input");
    made.type = kind || "text";
    if (kind === "number") made.step = "any";
    made.value = value;
    made.autocomplete = "off";
    return made;
  }

  function choice(options, value) {
    const made = element("select");
    for (const [key, label] of options) {
      const option = element("option", "", label);
      option.value = key;
      made.append(option);
    }
    made.value = value;
    return made;
  }

  function dialog(title, hint) {
    const made = element("dialog", "mend");
    const form = element("form", "mend__form");
    made.setAttribute("aria-label", title);
    made.append(element("h2", "panel__title", title), element("p", "page__note", hint), form);
    made.addEventListener("close", () => made.remove());
    document.body.append(made);
    return [made, form];
  }

  function foot(box, form, label, work) {
    const acts = element("div", "mend__acts");
    const cancel = element("button", "button", text("cancel"));
    cancel.type = "button";
    cancel.onclick = () => box.close();
    const wrong = element("p", "mend__wrong");
    wrong.setAttribute("role", "alert");
    acts.append(cancel);
    for (const [name, said] of label) {
      const button = element("button", name === "do" ? "button button--main" : "button", said);
      button.type = "submit";
      button.value = name;
      acts.append(button);
    }
    form.append(wrong, acts);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const after = await work(event.submitter ? event.submitter.value : "do");
        box.close();
        await act(after);
      } catch (error) {
        wrong.textContent = error.message;
      }
    });
    box.showModal();
  }

  const under = (prefix) => Object.entries(root.dataset)
    .filter(([name]) => name.startsWith(prefix) && name !== prefix)
    .map(([name, label]) => [name.slice(prefix.length).toLowerCase().replace(/^-/, ""), label]);

  function adopt(button) {
    const name = button.dataset.adopt;
    const [box, form] = dialog(text("title", { name }), text("hint"));
    form.classList.add("mend__form--columns");
    field(form, "name_vi", text("name_vi"), input(name));
    field(form, "name_en", text("name_en"), input(name));
    field(form, "domain", text("domain"), choice(under("domain"), button.dataset.domain));
    field(form, "kind", text("kind"), input(button.dataset.kind));
    field(form, "lat", text("lat"), input("", "number"));
    field(form, "lon", text("lon"), input("", "number"));
    field(form, "zone", text("zone"), choice([["", text("nearest")], ...under("zone")], ""));
    field(form, "interval_s", text("interval"), input(button.dataset.interval, "number"));
    field(form, "metrics", text("metrics"), input(button.dataset.metrics));
    foot(box, form, [["do", text("adopt")]], async () => {
      const wish = {};
      for (const [key, value] of new FormData(form)) {
        if (!value.trim()) continue;
        if (["lat", "lon", "interval_s"].includes(key)) wish[key] = Number(value);
        else wish[key] = key === "metrics" ? value.split(/[\s,]+/).filter(Boolean) : value.trim();
      }
      const made = await ask("inbox/" + encodeURIComponent(name) + "/adopt", wish);
      button.disabled = true;
      return async () => {
        const said = [text("adopted", { name, count: made.waiting }),
          text("credentials", { command: "cityops device rotate " + name })].join(" ");
        say(said);
        await follow(made.replay_request_id, said);
      };
    });
  }

  async function mend(number) {
    const found = await ask("quarantine/" + number);
    const [box, form] = dialog(text("title"), found.reason + ": " + found.detail);
    const topic = field(form, "topic", text("topic"), input(found.topic));
    const payload = field(form, "payload", text(found.payload === null ? "payload64" : "payload"), element("textarea"));
    payload.rows = 10;
    payload.value = found.payload === null ? found.payload_base64 : found.payload;
    foot(box, form, [["try", text("try")], ["do", text("replay")]], async (verb) => {
      const body = { quarantine_ids: [number], topic: topic.value, dry_run: verb === "try" };
      body[found.payload === null ? "payload_base64" : "payload"] = payload.value;
      const asked = await ask("quarantine/replay", body);
      return () => follow(asked.replay_request_id, "");
    });
  }

  async function replay(numbers) {
    const asked = await ask("quarantine/replay", { quarantine_ids: numbers });
    await follow(asked.replay_request_id, "");
  }

  async function drop(numbers) {
    const found = await ask("quarantine/drop", { quarantine_ids: numbers });
    say(text("dropped", { count: found.dropped }));
    for (const number of numbers) document.querySelector(`[data-quarantine-id="${number}"]`)?.setAttribute("data-ended", "");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-adopt], [data-act]");
    root = document.getElementById("inbox-root") || document.getElementById("quarantine-root");
    if (!button || !root || !root.contains(button)) return;
    if (button.dataset.adopt) {
      adopt(button);
      return;
    }
    const shown = [...document.querySelectorAll("[data-quarantine-id]")].map((row) => Number(row.dataset.quarantineId));
    const row = button.closest("[data-quarantine-id]");
    const numbers = row ? [Number(row.dataset.quarantineId)] : shown;
    if (!numbers.length) return;
    if (button.dataset.act === "mend") act(() => mend(numbers[0]));
    else if (button.dataset.act === "replay") act(() => replay(numbers));
    else if (sure(button)) act(() => drop(numbers));
  });
})(window.cityops);
