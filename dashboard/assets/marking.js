/* The explorer's labels: marking a time on the chart, keeping it as a label, taking one back. */
window.cityops = window.cityops || {};
window.dash_clientside = window.dash_clientside || {};
(function (cityops, clientside) {
  "use strict";
  const SURE_MS = 4000;
  const PATIENCE_MS = 10000;
  let isOpen = false;
  let changes = 0;

  const place = () => document.getElementById("explorer-mark");
  const chart = () => document.querySelector("#explorer-chart .js-plotly-plot");
  const words = () => JSON.parse(place().dataset.words);
  const meta = () => (chart() && chart().layout && chart().layout.meta) || { streams: [], shift_ms: 0 };

  function make(tag, facts, ...children) {
    const made = Object.assign(document.createElement(tag), facts);
    made.append(...children); // text, never markup
    return made;
  }

  function field(label, control, name) {
    control.name = name;
    return make("label", { className: "entry" }, make("span", {}, label), control);
  }

  function choice(options) {
    return make("select", {}, ...options.map(([value, label]) => make("option", { value }, label)));
  }

  function moment() {
    return make("input", { type: "datetime-local", step: "1", required: true });
  }

  function form() {
    const said = words();
    const known = make("datalist", { id: "explorer-mark-kinds" },
      ...Object.entries(said.kinds).map(([value, label]) => make("option", { value, label })));
    const kind = make("input", { type: "text", required: true, maxLength: 64, autocomplete: "off", pattern: "[A-Za-z0-9][A-Za-z0-9_.:\\-]*" });
    kind.setAttribute("list", known.id);
    const cancel = make("button", { type: "button", className: "button", onclick: close }, said.cancel);
    const made = make("form", { className: "marking__form", onsubmit: keep },
      field(said.stream, choice([]), "stream"), field(said.from, moment(), "start"), field(said.to, moment(), "end"),
      field(said.kind, kind, "kind"), field(said.meaning, choice(Object.entries(said.meanings)), "meaning"),
      field(said.note, make("input", { type: "text", maxLength: said.longest, autocomplete: "off" }), "note"),
      field(said.fault, make("input", { type: "checkbox" }), "fault"),
      make("div", { className: "marking__acts" }, cancel,
        make("button", { type: "submit", className: "button button--main" }, said.keep)), known);
    const hint = make("p", { className: "page__note", id: "explorer-mark-said" }, said.hint);
    hint.setAttribute("role", "status");
    return [hint, made];
  }

  function say(message, failed) {
    const said = document.getElementById("explorer-mark-said");
    if (!said) return;
    said.textContent = message;
    said.dataset.kind = failed ? "error" : "";
  }

  /* The streams of the chart, as they are drawn now; the one that was chosen stays chosen. */
  function offer() {
    const select = place().querySelector("[name=stream]");
    const before = select.value;
    select.replaceChildren(...meta().streams.map((stream) => make("option", { value: String(stream.id) }, stream.name)));
    if (meta().streams.some((stream) => String(stream.id) === before)) select.value = before;
  }

  function open() {
    isOpen = true;
    place().replaceChildren(...form());
    place().hidden = false;
    armWhenDrawn();
    place().querySelector("[name=kind]").focus();
  }

  function close() {
    isOpen = false;
    place().hidden = true;
    place().replaceChildren();
    arm();
    document.getElementById("explorer-marking").focus();
  }

  /* A drag chooses a time while the form is open, and zooms else; a chart drawn anew is armed anew. */
  function arm() {
    const drawn = chart();
    if (!drawn || !drawn.layout || !window.Plotly) return false;
    const wanted = isOpen ? "select" : "zoom";
    if (!drawn.cityopsMarks) {
      drawn.cityopsMarks = true;
      drawn.on("plotly_selected", chosen);
    }
    if (drawn.layout.dragmode !== wanted) window.Plotly.relayout(drawn, { dragmode: wanted, selectdirection: "h", selections: [] });
    if (isOpen) offer();
    return true;
  }

  function chosen(event) {
    if (!isOpen || !event || !event.range || !event.range.x) return;
    const [from, to] = event.range.x.map(written).sort();
    place().querySelector("[name=start]").value = from;
    place().querySelector("[name=end]").value = to;
  }

  /* Plotly says times of the city's clock, with or without a fraction of a second. */
  function written(time) {
    const millis = typeof time === "number" ? time : Date.parse(time.replace(" ", "T") + (time.includes(":") ? "Z" : ""));
    return new Date(millis).toISOString().slice(0, 19);
  }

  async function ask(path, method, body) {
    const headers = { "X-CSRF-Token": cityops.format.settings().csrf || "" };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch("/api/v1/labels" + path, { method, headers, body: body && JSON.stringify(body) });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.said || found.detail);
    return found;
  }

  async function keep(event) {
    event.preventDefault();
    const fields = event.target.elements;
    const stream = meta().streams.find((one) => String(one.id) === fields.stream.value);
    if (!stream) { say(words().none, true); return; }
    const [start, end] = [fields.start, fields.end].map((box) => Date.parse(box.value + "Z") - meta().shift_ms);
    if (!(start < end)) { say(words().order, true); return; }
    try {
      await ask("", "POST", {
        kind: fields.kind.value.trim(), devices: [stream.device], metrics: [stream.metric], start, end,
        meaning: fields.meaning.value, is_sensor_fault: fields.fault.checked, note: fields.note.value,
      });
      say(words().kept);
      changed();
    } catch (error) {
      say(error.message, true);
    }
  }

  function changed() {
    changes += 1;
    window.dash_clientside.set_props("explorer-changes", { data: changes });
  }

  async function takeBack(button) {
    if (!button.dataset.sure) {
      const label = button.textContent;
      button.dataset.sure = "1";
      button.textContent = words().sure;
      setTimeout(() => { delete button.dataset.sure; button.textContent = label; }, SURE_MS);
      return;
    }
    try {
      await ask("/" + button.dataset.takeBack, "DELETE");
      changed();
    } catch (error) {
      button.textContent = error.message;
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#explorer-marking")) { (isOpen ? close : open)(); return; }
    const button = event.target.closest("[data-take-back]");
    if (button) takeBack(button);
  });

  async function armWhenDrawn() {
    const deadline = Date.now() + PATIENCE_MS;
    while (isOpen && !(chart() && chart()._fullLayout && arm()) && Date.now() < deadline) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }

  /* The page came anew without its form, or the chart was drawn anew: both are seen here. */
  function drawn() {
    if (place() && place().hidden) isOpen = false;
    armWhenDrawn();
    return window.dash_clientside.no_update;
  }

  clientside.marking = { drawn };
})(window.cityops, window.dash_clientside);
