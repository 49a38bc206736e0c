/* The map of devices. Colours change by feature-state alone; marks of troubled devices and
   the groups seen from afar are small sources that are set anew, at most twice a second. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const SETTLE_MS = 500;

  async function make(container, bbox, onChoose) {
    const answer = await fetch("/api/v1/city");
    if (!answer.ok) throw new Error("city " + answer.status);
    const city = await answer.json();
    try {
      return await webGlMap(container, city, bbox, onChoose);
    } catch (error) {
      // MapLibre throws where it gets no WebGL context; asking for one first would cost as much again.
      note("no_webgl");
      container.replaceChildren();
      return cityops.canvasMap.make(container, city, bbox, onChoose);
    }
  }

  function note(key) {
    const place = document.getElementById("overview-map-note");
    if (!place) return;
    place.textContent = cityops.format.text(key);
    place.hidden = false;
  }

  async function webGlMap(container, city, bbox, onChoose) {
    const lang = cityops.format.settings().lang;
    const places = collection(city.zones.map((zone) => point(zone.lon, zone.lat, { name_vi: zone.name.vi, name_en: zone.name.en })));
    const map = new window.maplibregl.Map({
      container,
      style: cityops.mapStyle.style(city.layers, "name_" + lang, { devices: devicePoints(new Set()), places }),
      bounds: [[bbox[0], bbox[1]], [bbox[2], bbox[3]]],
      fitBoundsOptions: { padding: 12 },
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      minZoom: 7,
      maxZoom: 17,
      fadeDuration: 0,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new window.maplibregl.NavigationControl({ showCompass: false }), "top-right");
    map.on("styleimagemissing", (event) => cityops.icons.provide(map, event.id));
    map.on("error", (event) => console.warn("map:", event.error && event.error.message));

    let ready = false;
    let hidden = new Set();
    let settling = 0;
    map.once("style.load", () => {
      ready = true;
      repaint();
    });
    const done = new Promise((resolve) => map.once("load", resolve));

    function stateOf(id) { return cityops.live.states.get(id) || "unknown"; }

    function reset() {
      if (!ready) return;
      map.getSource("devices").setData(devicePoints(hidden));
      repaint();
    }

    function repaint() {
      for (const id of cityops.inventory.keys()) paint(id);
      settle();
    }

    function paint(id) {
      map.setFeatureState({ source: "devices", id }, { state: stateOf(id) });
    }

    function states(changed) {
      if (!ready) return;
      const ids = Object.keys(changed);
      ids.forEach(paint);
      if (ids.length && !settling) settling = setTimeout(settle, SETTLE_MS);
    }

    function settle() {
      clearTimeout(settling);
      settling = 0;
      const { RANK } = cityops.mapStyle;
      const all = shown(hidden).map((device) => {
        const state = stateOf(device.device_id);
        return point(device.lon, device.lat, { state, rank: RANK[state] || 0 });
      });
      map.getSource("groups").setData(collection(all));
      map.getSource("marks").setData(collection(all.filter((item) => item.properties.rank > RANK.unknown)));
    }

    function choose(id, fly) {
      if (!ready) return;
      const device = id && cityops.inventory.get(id);
      map.getSource("chosen").setData(collection(device ? [point(device.lon, device.lat, {})] : []));
      if (!device) return;
      const at = [device.lon, device.lat];
      if (fly || !map.getBounds().contains(at)) map.easeTo({ center: at, zoom: Math.max(map.getZoom(), 13), offset: [-40, 0], duration: 700 });
    }

    const tip = cityops.tip.make(container);
    function nearest(event) {
      const reach = 7;
      const box = [[event.point.x - reach, event.point.y - reach], [event.point.x + reach, event.point.y + reach]];
      const found = map.queryRenderedFeatures(box, { layers: ["devices"] });
      const away = (f) => { const p = map.project(f.geometry.coordinates); return (p.x - event.point.x) ** 2 + (p.y - event.point.y) ** 2; };
      return found.sort((a, b) => away(a) - away(b))[0];
    }
    map.on("mousemove", (event) => {
      const found = ready && nearest(event);
      map.getCanvas().style.cursor = found ? "pointer" : "";
      if (found) { const at = map.project(found.geometry.coordinates); tip.show(found.properties.id, at.x, at.y); } else tip.hide();
    });
    map.on("mouseout", () => tip.hide());
    map.on("movestart", () => tip.hide());
    map.on("click", (event) => {
      const found = ready && nearest(event);
      if (found) { tip.hide(); onChoose(found.properties.id); return; }
      const group = ready && map.queryRenderedFeatures(event.point, { layers: ["groups"] })[0];
      if (group) map.easeTo({ center: group.geometry.coordinates, zoom: map.getZoom() + 2 });
    });

    await done;
    container.dataset.ready = "webgl";
    return {
      reset, states, choose,
      hide(domains) { hidden = domains; reset(); },
      remove() { clearTimeout(settling); tip.hide(); map.remove(); },
      where(id) { const d = cityops.inventory.get(id); const p = map.project([d.lon, d.lat]); return [p.x, p.y]; },
    };
  }

  function shown(hidden) { return [...cityops.inventory.values()].filter((device) => !hidden.has(device.domain)); }
  function devicePoints(hidden) {
    return collection(shown(hidden).map((device) => point(device.lon, device.lat, { id: device.device_id })));
  }
  function point(lon, lat, properties) {
    return { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties };
  }
  function collection(features) { return { type: "FeatureCollection", features }; }

  cityops.map = { make, note };
})(window.cityops);
