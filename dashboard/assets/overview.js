/* The overview page: brings the inventory, the live feed, the map, tiles, feed and drawer together. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  cityops.inventory = new Map(); // device id → device, as /api/v1/devices has it

  async function readInventory() {
    const answer = await fetch("/api/v1/devices");
    if (!answer.ok) throw new Error("devices " + answer.status);
    cityops.inventory = new Map((await answer.json()).map((device) => [device.device_id, device]));
  }

  function mount(root) {
    const { live, tiles, feed, drawer } = cityops;
    const hidden = new Set();
    let map = null;
    let left = false;

    cityops.overview = { choose, where(id) { return map.where(id); } };
    const leaveDrawer = drawer.mount();
    feed.onChoose((alert) => choose(alert.device_id, true));

    function choose(deviceId, fly) {
      if (deviceId) drawer.open(deviceId);
      else drawer.close();
      feed.choose(deviceId);
      if (map) map.choose(deviceId, fly);
    }

    function reset() {
      tiles.reset();
      cityops.gauges.show();
      feed.reset();
      drawer.reset();
      if (map) map.reset();
    }

    function frame(frame) {
      tiles.show(frame.tiles);
      if (frame.readings.length) cityops.gauges.show();
      feed.frame(frame);
      drawer.frame(frame);
      if (map) map.states(frame.states);
    }

    function pick(event) {
      const gauge = event.target.closest("[data-gauge]");
      if (gauge) choose(gauge.dataset.gauge, true);
    }

    function toggle(event) {
      const button = event.target.closest("[data-domain]");
      if (!button || !root.contains(button)) return;
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      if (shown) hidden.delete(button.dataset.domain);
      else hidden.add(button.dataset.domain);
      feed.hide(hidden);
      if (map) map.hide(hidden);
    }

    function key(event) {
      if (event.key === "Escape" && drawer.chosen) choose(null);
    }

    async function begin() {
      await readInventory();
      if (left) return;
      cityops.gauges.show();
      map = await cityops.map.make(document.getElementById("overview-map"), root.dataset.bbox.split(" ").map(Number), choose);
      if (left) { map.remove(); return; }
      if (live.ready) map.reset();
      const asked = new URL(location.href).searchParams.get("device");
      if (asked) choose(asked, true);
    }

    const off = [
      live.on("reset", reset),
      live.on("frame", frame),
      live.on("catalogue", async () => { await readInventory(); if (map) map.reset(); }),
    ];
    const timer = setInterval(() => { feed.tick(); drawer.tick(); }, 1000);
    root.addEventListener("click", toggle);
    root.addEventListener("click", pick);
    document.addEventListener("keydown", key);
    if (live.ready) reset();
    begin().catch((error) => {
      console.warn("overview:", error);
      cityops.map.note("map_failed");
    });

    return () => {
      left = true;
      off.forEach((forget) => forget());
      clearInterval(timer);
      document.removeEventListener("keydown", key);
      leaveDrawer();
      if (map) map.remove();
    };
  }

  document.addEventListener("DOMContentLoaded", () => cityops.mount("overview-root", mount));
  if (document.readyState !== "loading" && cityops.mount) cityops.mount("overview-root", mount);
})(window.cityops);
