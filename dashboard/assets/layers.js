/* The map's layers by domain: which gauge shows which value in which class.

   What can be shown, and the limits of every class, come from /api/v1/map; values from the live
   feed, and VN_AQI once a minute. The maps draw what stands here and are told what changed. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const KEYS = ["traffic", "water", "air", "load"];
  const AIR_MS = 60000;
  const OLD_INTERVALS = 3;
  const OLD_AT_LEAST_MS = 150000;
  const RANK = { none: 0, stale: 1, water: 2, ok: 2, good: 2, fair: 3, moderate: 3, minor: 4, poor: 4,
    major: 5, bad: 5, critical: 6, very_bad: 6, hazardous: 7 };
  let plan = null;
  let chosen = null; // a key of KEYS, or none: the devices' states
  let gauges = new Map(); // device id → gauge, of the chosen layer
  let streams = new Map(); // stream id → gauge
  let air = new Map(); // device id → { index, category }
  let airedAt = 0;

  /* A layer's variable in the theme. */
  function colour(shade) {
    const { colour: named } = cityops.format;
    if (shade === "water") return named("domain-drainage");
    if (shade === "fair") return named("fair");
    if (shade === "none") return named("state-unknown");
    if (shade === "stale") return named("state-silent");
    return named("aqi-" + shade) || named("state-" + shade);
  }

  function ink(shade) {
    return cityops.format.colour("aqi-" + shade + "-ink") || cityops.format.colour("ground");
  }

  async function read(path) {
    const answer = await fetch("/api/v1/" + path);
    if (!answer.ok) throw new Error(path + " " + answer.status);
    return answer.json();
  }

  /* Chooses a layer; resolves when its gauges stand. The devices may have changed since the last time. */
  async function choose(key, anew) {
    const wanted = KEYS.includes(key) ? key : null;
    if (wanted && (!plan || anew)) plan = await read("map");
    chosen = wanted;
    gauges = new Map();
    streams = new Map();
    if (!wanted) return;
    for (const item of plan.layers[wanted]) add(item);
    if (wanted === "air") await readAir();
    for (const gauge of gauges.values()) judge(gauge);
  }

  function add(item) {
    const device = cityops.inventory.get(item.device_id);
    const stream = device && device.streams.find((one) => one.stream_id === item.stream_id);
    if (!stream) return;
    const gauge = {
      id: item.device_id, device, stream, points: item.points, sided: item.sided, nominal: item.nominal,
      steps: plan.ladders[item.ladder] || [], shade: "none", said: "", name: "", at: middle(item, device),
      patience: Math.max(OLD_AT_LEAST_MS, stream.interval_s * 1000 * OLD_INTERVALS),
    };
    gauges.set(gauge.id, gauge);
    streams.set(item.stream_id, gauge);
  }

  function middle({ points }, device) {
    return points.length ? points[Math.floor(points.length / 2)] : [device.lon, device.lat];
  }

  async function readAir() {
    airedAt = Date.now();
    air = new Map((await read("map/air")).map((item) => [item.device_id, item]));
  }

  /* Puts a gauge into its class; tells whether it shows something else than before. */
  function judge(gauge) {
    const before = gauge.shade + gauge.said;
    const row = cityops.live.readings.get(gauge.stream.stream_id);
    if (chosen === "air") judgeAir(gauge);
    else if (row) judgeValue(gauge, row[2]);
    else { gauge.shade = "none"; gauge.said = gauge.name = ""; }
    const doubt = chosen !== "air" && row ? cityops.format.doubt(gauge.stream.stream_id) : "";
    if (doubt) {
      gauge.said += " ?";
      gauge.name = doubt;
    }
    if (old(gauge, row)) {
      gauge.shade = "stale";
      gauge.name = cityops.format.text("stale_value");
    }
    return before !== gauge.shade + gauge.said;
  }

  function old(gauge, row) { return Boolean(row) && cityops.live.now() - row[1] > gauge.patience; }

  function judgeAir(gauge) {
    const found = air.get(gauge.id);
    gauge.shade = (found && found.category) || "none";
    gauge.said = found && found.index !== null ? String(found.index) : "";
    gauge.name = gauge.said ? cityops.format.text("air_" + found.category) : "";
  }

  function judgeValue(gauge, value) {
    const { number, settings } = cityops.format;
    const share = value / gauge.nominal;
    const step = gauge.steps.filter(({ at }) => at === null || share >= at).pop();
    const said = { traffic: () => number(value, 0), water: () => number(value, 2), load: () => number(100 * share, 0) + " %" };
    gauge.shade = step.shade;
    gauge.name = step.name[settings().lang];
    gauge.said = said[chosen]() + (step.sign ? " " + step.sign : "");
  }

  /* The gauges that a frame changed. */
  function frame(frame) {
    const changed = [];
    if (!chosen) return changed;
    for (const row of frame.readings) {
      const gauge = streams.get(row[0]);
      if (gauge && judge(gauge)) changed.push(gauge);
    }
    for (const id of Object.keys(frame.faults || {})) {
      const gauge = streams.get(Number(id));
      if (gauge && judge(gauge)) changed.push(gauge);
    }
    return changed;
  }

  /* The gauges that changed without a frame: values that grew old, the index, and after a new
     snapshot (`anew`) any of them. */
  async function tick(anew) {
    if (!chosen) return [];
    let all = anew;
    if (chosen === "air" && Date.now() - airedAt > AIR_MS) { await readAir(); all = true; }
    const grown = (gauge) => gauge.shade !== "stale" && old(gauge, cityops.live.readings.get(gauge.stream.stream_id));
    return [...gauges.values()].filter((gauge) => (all || grown(gauge)) && judge(gauge));
  }

  /* What a layer says of a device, in the reader's words; nothing where it has no part in it. */
  function describe(id) {
    const gauge = gauges.get(id);
    if (!gauge || !gauge.name) return null;
    const what = { traffic: "layer_speed", water: "layer_level", air: "layer_index", load: "layer_load" }[chosen];
    return { shade: gauge.shade, text: cityops.format.text(what, { value: gauge.said }), name: gauge.name };
  }

  /* Badges worth their room: the worst first; of roads only those that do not flow. */
  function badges(within, most) {
    const least = chosen === "traffic" ? RANK.minor : RANK.stale;
    return [...gauges.values()]
      .filter((gauge) => gauge.said && RANK[gauge.shade] >= least && within(gauge.at))
      .sort((a, b) => RANK[b.shade] - RANK[a.shade]) // stable: among equals, as the server has them
      .slice(0, most);
  }

  cityops.layers = {
    KEYS, RANK, choose, frame, tick, describe, badges, colour, ink,
    gauges: () => gauges.values(),
    get chosen() { return chosen; },
  };
})(window.cityops);
