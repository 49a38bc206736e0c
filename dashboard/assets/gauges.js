/* Water gauges: the level now on each bar, coloured by the alarm level it has passed. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const METRIC = "water_level_m";

  function show() {
    for (const gauge of document.querySelectorAll("[data-gauge]")) {
      const device = cityops.inventory.get(gauge.dataset.gauge);
      const stream = device && device.streams.find((item) => item.metric === METRIC);
      const row = stream && cityops.live.readings.get(stream.stream_id);
      if (!row) continue;
      fill(gauge, row[2]);
      const doubt = cityops.format.doubt(stream.stream_id);
      gauge.classList.toggle("value--doubtful", Boolean(doubt));
      gauge.title = doubt;
    }
  }

  function fill(gauge, level) {
    const { number, settings } = cityops.format;
    const metric = settings().metrics[METRIC];
    const [floor, top] = [Number(gauge.dataset.floor), Number(gauge.dataset.top)];
    const share = Math.min(1, Math.max(0, (level - floor) / (top - floor)));
    const passed = gauge.dataset.steps.split(" ").map((step) => step.split(":")).filter(([, m]) => level >= Number(m));
    gauge.querySelector(".level__value").textContent = `${number(level, metric.decimals)} ${metric.unit}`;
    gauge.querySelector(".level__fill").style.width = 100 * share + "%";
    gauge.dataset.over = passed.length ? passed[passed.length - 1][0] : "";
  }

  cityops.gauges = { show };
})(window.cityops);
