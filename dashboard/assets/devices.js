/* The inventory's cells, and the ages on a device's page. */
window.cityops = window.cityops || {};
window.dashAgGridFunctions = window.dashAgGridFunctions || {};
window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {};
(function (cityops, functions, components) {
  "use strict";
  const OLD_MS = 150000;

  functions.deviceAge = (time) => (time ? cityops.format.age(cityops.live.now() - time) : "–");
  functions.deviceNumber = (value, unit, without) =>
    (value === null || value === undefined ? without : `${cityops.format.number(value, 0)}\u00a0${unit}`);
  functions.numbersLast = (one, other, oneRow, otherRow, descending) => {
    if (one === null || other === null) return (one === other ? 0 : one === null ? 1 : -1) * (descending ? -1 : 1);
    return one - other;
  };

  components.DeviceLink = (cell) => window.React.createElement(
    "a", { href: "/devices/" + encodeURIComponent(cell.data.id), className: "cell__link" }, cell.value);
  components.DeviceState = (cell) => window.React.createElement("span", { className: "state" },
    window.React.createElement("span", { className: "mark mark--" + cell.data.state_key, "aria-hidden": "true" }), cell.value);

  components.DeviceClock = (cell) => window.React.createElement("span", { className: "state" },
    cell.data.clock_off && window.React.createElement("span", { className: "mark mark--minor", "aria-hidden": "true" }),
    cell.data.clock_text);

  function show(item, time, value) {
    const metric = cityops.format.settings().metrics[item.dataset.metric];
    if (value !== null) item.querySelector(".value__number").textContent = cityops.format.number(value, metric ? metric.decimals : 2);
    item.dataset.time = time;
  }

  /* A device's page: its values go on by the live feed, their ages by the second. */
  function mount(root) {
    function items() { return root.querySelectorAll("[data-stream-id]"); }
    function tick() {
      for (const item of items()) {
        const row = cityops.live.readings.get(Number(item.dataset.streamId));
        if (row && row[1] > Number(item.dataset.time || 0)) show(item, row[1], row[2]);
        const time = Number(item.dataset.time);
        const age = cityops.live.now() - time;
        item.querySelector(".value__age").textContent = time ? cityops.format.age(age) : cityops.format.text("no_value");
        item.classList.toggle("value--old", !time || age > OLD_MS);
        cityops.format.showDoubt(item);
      }
    }
    const timer = setInterval(tick, 1000);
    const off = cityops.live.on("frame", tick);
    return () => { clearInterval(timer); off(); };
  }

  document.addEventListener("DOMContentLoaded", () => cityops.mount("device-root", mount));
  if (document.readyState !== "loading" && cityops.mount) cityops.mount("device-root", mount);
})(window.cityops, window.dashAgGridFunctions, window.dashAgGridComponentFunctions);
