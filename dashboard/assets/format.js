/* Numbers, ages and words as the reader's language writes them. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  let config = null;
  const made = new Map();

  function settings() {
    if (!config) {
      const shell = document.getElementById("shell");
      if (!shell) return { texts: {}, metrics: {}, states: {}, domains: {}, lang: "vi", locale: "vi-VN", timezone: "UTC" };
      config = JSON.parse(shell.dataset.config);
    }
    return config;
  }

  function formatter(key, make) {
    if (!made.has(key)) made.set(key, make());
    return made.get(key);
  }

  function number(value, decimals) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    return formatter("n" + decimals, () => new Intl.NumberFormat(settings().locale, digits)).format(value).replace("-", "\u2212");
  }

  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function age(milliseconds) {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 2) return text("now");
    const style = { numeric: "always", style: "short" };
    const relative = formatter("age", () => new Intl.RelativeTimeFormat(settings().locale, style));
    const [unit, size] = UNITS.find(([, s]) => seconds >= s);
    return relative.format(-Math.floor(seconds / size), unit);
  }

  function text(key, values) {
    const message = settings().texts[key] || key;
    return message.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? values[name] : whole));
  }

  function clock(moment, options) {
    const zone = { timeZone: settings().timezone, ...options };
    return formatter(JSON.stringify(zone), () => new Intl.DateTimeFormat(settings().locale, zone)).format(moment);
  }

  /* An element; children and texts are never parsed as markup. */
  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    for (const child of children) made.append(child);
    return made;
  }

  function mark(state) {
    const shape = element("span", "mark mark--" + (state in settings().states ? state : "unknown"));
    shape.setAttribute("role", "img");
    shape.setAttribute("aria-label", settings().states[state] || state);
    shape.title = settings().states[state] || state;
    return shape;
  }

  /* Why a stream's value is in doubt; empty where its sensor is well. */
  function doubt(stream) {
    const { faults, readings } = cityops.live;
    const kinds = readings.has(Number(stream)) && faults.get(Number(stream));
    return kinds ? text("doubtful", { faults: kinds.map((kind) => settings().faults[kind] || kind).join(", ") }) : "";
  }

  /* The same on the item that shows the value. */
  function showDoubt(item) {
    const said = doubt(item.dataset.streamId);
    const place = item.querySelector(".value__doubt");
    if (place && place.textContent !== said) place.textContent = said;
    item.classList.toggle("value--doubtful", Boolean(said));
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  cityops.format = { settings, number, age, text, clock, element, mark, doubt, showDoubt, colour };
})(window.cityops);
