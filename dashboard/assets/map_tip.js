/* The small card at a device under the pointer. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const LINES = 3;

  function make() {
    const card = document.getElementById("overview-map-tip");
    let about = null;

    function show(id, x, y) {
      const device = cityops.inventory.get(id);
      if (!device || !card) return;
      if (about !== id) fill(device);
      about = id;
      card.hidden = false;
      card.style.left = x + "px";
      card.style.top = y + "px";
      card.style.translate = y < 130 ? "-50% 16px" : "";
    }

    function fill(device) {
      const { element, mark, settings, number, doubt: doubtOf } = cityops.format;
      const { lang, states, metrics } = settings();
      const state = cityops.live.states.get(device.device_id) || "unknown";
      const lines = device.streams.slice(0, LINES).flatMap((stream) => {
        const row = cityops.live.readings.get(stream.stream_id);
        const metric = metrics[stream.metric];
        if (!row || !metric) return [];
        const value = element("span", "tip__value", `${number(row[2], metric.decimals)} ${metric.unit}`.trim());
        const doubt = doubtOf(stream.stream_id);
        return [element("div", doubt ? "tip__doubtful" : "", metric.name + " ", value, doubt && " " + doubt)];
      });
      const layer = cityops.layers.describe(device.device_id);
      if (layer) {
        const dot = element("span", "tip__dot");
        dot.style.background = cityops.layers.colour(layer.shade);
        lines.unshift(element("div", "tip__layer", dot, `${layer.text} · ${layer.name}`));
      }
      card.replaceChildren(
        element("div", "tip__name", device.name[lang] || device.device_id),
        element("div", "tip__state", mark(state), states[state] || state),
        ...lines,
      );
    }

    return { show, hide() { about = null; if (card) card.hidden = true; } };
  }

  cityops.tip = { make };
})(window.cityops);
