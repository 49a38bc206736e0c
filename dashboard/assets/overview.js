/* The overview page: brings the inventory, the live feed, the map, tiles, feed and drawer together. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const PATIENCE_MS = 2000;
  const SLOW_MS = 5000; // how often values are looked at for their age
  cityops.inventory = new Map(); // device id → device, as /api/v1/catalogue has it

  async function readInventory() {
    const answer = await fetch("/api/v1/catalogue");
    if (!answer.ok) throw new Error("devices " + answer.status);
    cityops.inventory = new Map((await answer.json()).map((device) => [device.device_id, device]));
  }

  /* The first snapshot, or a moment's patience: a map of many devices is better drawn once. */
  function told() {
    const { live } = cityops;
    if (live.ready) return null;
    return new Promise((resolve) => {
      const forget = live.on("reset", done);
      const late = setTimeout(done, PATIENCE_MS);
      function done() { forget(); clearTimeout(late); resolve(); }
    });
  }

  function mount(root) {
    const { live, tiles, feed, drawer } = cityops;
    const hidden = new Set();
    let map = null;
    let left = false;

    cityops.overview = { choose, show, where(id) { return map.where(id); } };
    const leaveDrawer = drawer.mount();
    feed.onChoose((alert) => choose(alert.device_id, true));

    function choose(deviceId, fly) {
      if (deviceId) drawer.open(deviceId);
      else drawer.close();
      feed.choose(deviceId);
      if (map) map.choose(deviceId, fly);
    }

    /* What a search found: a device opens its drawer, anything else is outlined. */
    function show(place) {
      if (place.kind === "device") { if (map) map.outline(null); choose(place.key, true); return; }
      choose(null);
      if (map) map.outline(place.geometry, box(place.geometry));
    }

    function box(geometry) {
      const flat = geometry.coordinates.flat(Infinity);
      const [east, north] = [flat.filter((_, i) => !(i % 2)), flat.filter((_, i) => i % 2)];
      return [Math.min(...east), Math.min(...north), Math.max(...east), Math.max(...north)];
    }

    async function layer(key, anew) {
      for (const button of root.querySelectorAll("[data-layer]")) {
        button.setAttribute("aria-pressed", String(button.dataset.layer === (key || "")));
      }
      for (const legend of root.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== (key || "");
      cityops.address.set("layer", key);
      await cityops.layers.choose(key, anew);
      if (map) map.layer();
    }

    function reset() {
      tiles.reset();
      cityops.gauges.show();
      feed.reset();
      drawer.reset();
      if (map) { map.reset(); catchUp(true).catch(failed); }
    }

    async function catchUp(anew) {
      const changed = await cityops.layers.tick(anew);
      if (map && changed.length) map.gauges(changed);
    }

    function failed(error) {
      console.warn("overview:", error);
      cityops.map.note("map_failed");
    }

    function frame(frame) {
      tiles.show(frame.tiles);
      if (frame.readings.length || Object.keys(frame.faults).length) cityops.gauges.show();
      feed.frame(frame);
      drawer.frame(frame);
      if (!map) return;
      map.states(frame.states);
      map.gauges(cityops.layers.frame(frame));
    }

    function pick(event) {
      const gauge = event.target.closest("[data-gauge]");
      if (gauge) choose(gauge.dataset.gauge, true);
      const button = event.target.closest("[data-layer]");
      if (button) layer(button.dataset.layer || null).catch(failed);
    }

    function toggle(event) {
      const button = event.target.closest("[data-domain]");
      if (!button || !root.contains(button)) return;
      if (hidden.has(button.dataset.domain)) hidden.delete(button.dataset.domain);
      else hidden.add(button.dataset.domain);
      cityops.address.set("hide", [...hidden].join(","));
      showHidden();
      if (map) map.hide(hidden);
    }

    function showHidden() {
      for (const button of root.querySelectorAll("[data-domain]")) {
        button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.domain)));
      }
      feed.hide(hidden);
    }

    function key(event) {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (drawer.chosen) choose(null);
      else if (map) map.outline(null);
    }

    async function begin() {
      const city = cityops.map.city(); // asked for together with the devices
      city.catch(() => {}); // told where it is waited for
      await Promise.all([readInventory(), told()]);
      if (left) return;
      cityops.gauges.show();
      map = await cityops.map.make(await city, document.getElementById("overview-map"), root.dataset.bbox.split(" ").map(Number), choose);
      if (left) { map.remove(); return; }
      if (live.ready) map.reset();
      if (hidden.size) map.hide(hidden);
      await layer(cityops.address.get("layer"));
      const asked = cityops.address.get("device");
      if (asked) choose(asked, !cityops.map.asked());
    }

    const off = [
      live.on("reset", reset),
      live.on("frame", frame),
      live.on("catalogue", async () => {
        await readInventory();
        if (!map) return;
        map.reset(true);
        await layer(cityops.layers.chosen, true);
      }),
      cityops.search.mount(show),
      tiles.follow(),
    ];
    for (const domain of (cityops.address.get("hide") || "").split(",")) if (domain) hidden.add(domain);
    showHidden();
    const timer = setInterval(() => { feed.tick(); drawer.tick(); }, 1000);
    const slow = setInterval(() => catchUp().catch(failed), SLOW_MS);
    root.addEventListener("click", toggle);
    root.addEventListener("click", pick);
    document.addEventListener("keydown", key);
    if (live.ready) reset();
    begin().catch(failed);

    return () => {
      left = true;
      off.forEach((forget) => forget());
      clearInterval(timer);
      clearInterval(slow);
      document.removeEventListener("keydown", key);
      leaveDrawer();
      if (map) map.remove();
    };
  }

  document.addEventListener("DOMContentLoaded", () => cityops.mount("overview-root", mount));
  if (document.readyState !== "loading" && cityops.mount) cityops.mount("overview-root", mount);
})(window.cityops);
