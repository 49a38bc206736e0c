/* The map: the city's ground with devices and layers on it, and what the pointer does there. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const STATE_LAYERS = ["mark-glow", "marks", "group-glow", "groups", "group-counts", "group-marks"];
  const POINTED = ["devices", "gauges", "stretches"];

  async function city() {
    const answer = await fetch("/api/v1/city");
    if (!answer.ok) throw new Error("city " + answer.status);
    return answer.json();
  }

  async function make(city, container, bbox, onChoose) {
    const devices = cityops.mapStates.points(new Set());
    try {
      const map = open(container, city, bbox, devices);
      return await webGlMap(map, container, devices, onChoose);
    } catch (error) {
      // MapLibre throws where it gets no WebGL context; asking for one first would cost as much again.
      if (container.dataset.opened) throw error;
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

  function open(container, city, bbox, devices) {
    const lang = cityops.format.settings().lang;
    const view = asked();
    const places = collection(city.zones.map((zone) => point(zone.lon, zone.lat, { name_vi: zone.name.vi, name_en: zone.name.en })));
    const map = new window.maplibregl.Map({
      container,
      style: cityops.mapStyle.style(city.layers, "name_" + lang, { devices, places }),
      ...(view ? { center: [view[1], view[0]], zoom: view[2] } : { bounds: [[bbox[0], bbox[1]], [bbox[2], bbox[3]]], fitBoundsOptions: { padding: 12 } }),
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      minZoom: 7,
      maxZoom: 17,
      fadeDuration: 0,
    });
    container.dataset.opened = "";
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new window.maplibregl.NavigationControl({ showCompass: false }), "top-right");
    map.on("styleimagemissing", (event) => cityops.icons.provide(map, event.id));
    map.on("error", (event) => console.warn("map:", event.error && event.error.message));

    return map;
  }

  async function webGlMap(map, container, devices, onChoose) {
    await new Promise((resolve) => map.once("load", resolve));
    const states = cityops.mapStates.keep(map, devices);
    const layers = cityops.mapLayers.keep(map, STATE_LAYERS);

    function choose(id, fly) {
      const device = id && cityops.inventory.get(id);
      map.getSource("chosen").setData(collection(device ? [point(device.lon, device.lat, {})] : []));
      if (!device) return;
      const at = [device.lon, device.lat];
      if (fly || !map.getBounds().contains(at)) map.easeTo({ center: at, zoom: Math.max(map.getZoom(), 13), offset: [-40, 0], duration: 700 });
    }

    /* Outlines what was found and shows the whole of it. */
    function outline(geometry, box) {
      map.getSource("found").setData(collection(geometry ? [{ type: "Feature", geometry, properties: {} }] : []));
      if (geometry) map.fitBounds(box, { padding: 60, maxZoom: 15, duration: 700 });
    }

    const tip = cityops.tip.make(container);
    function nearest(event) {
      const reach = 7;
      const box = [[event.point.x - reach, event.point.y - reach], [event.point.x + reach, event.point.y + reach]];
      const found = map.queryRenderedFeatures(box, { layers: POINTED });
      const spots = found.filter((f) => f.geometry.type === "Point");
      const away = (f) => { const p = map.project(f.geometry.coordinates); return (p.x - event.point.x) ** 2 + (p.y - event.point.y) ** 2; };
      return spots.sort((a, b) => away(a) - away(b))[0] || found[0];
    }
    map.on("mousemove", (event) => {
      const found = nearest(event);
      map.getCanvas().style.cursor = found ? "pointer" : "";
      if (!found) { tip.hide(); return; }
      const at = found.geometry.type === "Point" ? map.project(found.geometry.coordinates) : event.point;
      tip.show(found.properties.id, at.x, at.y);
    });
    map.on("mouseout", () => tip.hide());
    map.on("movestart", () => tip.hide());
    map.on("click", (event) => {
      const found = nearest(event);
      if (found) { tip.hide(); onChoose(found.properties.id); return; }
      const group = map.queryRenderedFeatures(event.point, { layers: ["groups"] })[0];
      if (group) enter(group);
    });

    async function enter(group) {
      const { id, cluster_id: cluster } = group.properties;
      if (cluster === undefined) { onChoose(id); return; }
      const zoom = await map.getSource("groups").getClusterExpansionZoom(cluster);
      map.easeTo({ center: group.geometry.coordinates, zoom: Math.max(zoom, map.getZoom() + 1) });
    }

    map.on("moveend", () => {
      const { lng, lat } = map.getCenter();
      cityops.address.set("at", [lat.toFixed(4), lng.toFixed(4), map.getZoom().toFixed(1)].join(","));
    });
    container.dataset.ready = "webgl";
    return {
      choose, outline,
      reset: states.reset, states: states.change, hide: states.hide,
      layer: layers.show, gauges: layers.paint,
      remove() { states.remove(); layers.remove(); tip.hide(); map.remove(); },
      where(id) { const d = cityops.inventory.get(id); const p = map.project([d.lon, d.lat]); return [p.x, p.y]; },
    };
  }

  /* Where the address says the map stood. */
  function asked() {
    const parts = (cityops.address.get("at") || "").split(",").map(Number);
    return parts.length === 3 && parts.every(Number.isFinite) && Math.abs(parts[0]) <= 85 ? parts : null;
  }

  function point(lon, lat, properties) {
    return { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties };
  }
  function collection(features) { return { type: "FeatureCollection", features }; }

  cityops.map = { city, make, note, asked, point, collection };
})(window.cityops);
