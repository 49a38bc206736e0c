/* The layers by domain on the WebGL map: stretches of road, gauges, and badges with their values.

   A class is feature-state, so a value that changes costs what it costs itself. The badges are a
   small source: those in view that are worth their room, set anew at most once a second. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const BADGES = 160;
  const BADGE_MS = 1000;
  const SHADES = ["none", "stale", "water", "ok", "fair", "minor", "major", "critical",
    "good", "moderate", "poor", "bad", "very_bad", "hazardous"];

  function empty() { return { type: "FeatureCollection", features: [] }; }
  function shade() { return ["coalesce", ["feature-state", "shade"], ["get", "shade"]]; }
  function colour() {
    return ["match", shade(), ...SHADES.flatMap((one) => [one, cityops.layers.colour(one)]), cityops.layers.colour("none")];
  }

  function sources() {
    const source = () => ({ type: "geojson", data: empty(), promoteId: "id" });
    return { stretches: source(), gauges: source(), badges: { type: "geojson", data: empty() } };
  }

  /* Worse is wider too; a direction of two is drawn right of its line. */
  function lines() {
    const s = cityops.icons.scale();
    const { zooms } = cityops.mapStyle;
    const width = (thin) => ["*", thin * s, ["match", shade(), ["critical", "major"], 1.5, ["none", "stale"], 0.7, 1]];
    const aside = (far) => ["case", ["get", "sided"], far * s, 0];
    const layout = { "line-cap": "butt", "line-join": "round" };
    const offset = zooms(9, aside(1.4), 12, aside(2.6), 16, aside(7));
    return [
      { id: "stretch-edges", type: "line", source: "stretches", layout,
        paint: { "line-color": cityops.format.colour("map-halo"), "line-width": zooms(9, width(3.4), 12, width(6), 16, width(13)), "line-offset": offset } },
      { id: "stretches", type: "line", source: "stretches", layout,
        paint: { "line-color": colour(), "line-width": zooms(9, width(2), 12, width(3.6), 16, width(9)), "line-offset": offset } },
    ];
  }

  function spots() {
    const s = cityops.icons.scale();
    const { zooms } = cityops.mapStyle;
    return [
      { id: "gauges", type: "circle", source: "gauges",
        paint: { "circle-color": colour(), "circle-radius": zooms(9, 3.4 * s, 12, 5 * s, 16, 9 * s),
                 "circle-opacity": ["match", shade(), ["stale", "none"], 0, 1],
                 "circle-stroke-color": ["match", shade(), ["stale", "none"], cityops.layers.colour("stale"), ...SHADES.slice(2).flatMap((one) => [one, cityops.layers.ink(one)]), cityops.format.colour("ground")],
                 "circle-stroke-width": 1.4 * s } },
      { id: "badges", type: "symbol", source: "badges",
        layout: { "icon-image": ["concat", "badge|", ["get", "shade"], "|", ["get", "said"]], "icon-anchor": "bottom", "icon-offset": [0, -4 * s],
                  "symbol-sort-key": ["get", "order"], "icon-padding": 1 } },
    ];
  }

  /* Keeps the layers of one map; `onPaint` is told whether a layer stands over the states. */
  function keep(map, stateLayers) {
    let waiting = 0;

    function show() {
      const { layers } = cityops;
      const on = Boolean(layers.chosen);
      for (const source of ["stretches", "gauges"]) map.removeFeatureState({ source });
      const all = [...layers.gauges()];
      map.getSource("stretches").setData(collection(all.filter((gauge) => gauge.points.length).map(stretch)));
      map.getSource("gauges").setData(collection(all.filter((gauge) => !gauge.points.length).map(spot)));
      for (const id of stateLayers) map.setLayoutProperty(id, "visibility", on ? "none" : "visible");
      map.setPaintProperty("devices", "circle-opacity", on ? 0.3 : 1);
      map.setPaintProperty("devices", "circle-stroke-opacity", on ? 0.06 : 0.26);
      label();
    }

    function paint(changed) {
      for (const gauge of changed) {
        map.setFeatureState({ source: gauge.points.length ? "stretches" : "gauges", id: gauge.id }, { shade: gauge.shade });
      }
      if (changed.length && !waiting) waiting = setTimeout(label, BADGE_MS);
    }

    function label() {
      clearTimeout(waiting);
      waiting = 0;
      const view = map.getBounds();
      const shown = cityops.layers.badges((at) => view.contains(at), BADGES);
      map.getSource("badges").setData(collection(shown.map((gauge, order) => (
        feature({ type: "Point", coordinates: gauge.at }, { id: gauge.id, shade: gauge.shade, said: gauge.said, order })
      ))));
    }

    map.on("moveend", () => { if (cityops.layers.chosen) label(); });
    return { show, paint, remove() { clearTimeout(waiting); } };
  }

  function stretch(gauge) {
    return feature({ type: "LineString", coordinates: gauge.points }, { id: gauge.id, shade: gauge.shade, sided: gauge.sided });
  }
  function spot(gauge) { return feature({ type: "Point", coordinates: gauge.at }, { id: gauge.id, shade: gauge.shade }); }
  function feature(geometry, properties) { return { type: "Feature", geometry, properties }; }
  function collection(features) { return { type: "FeatureCollection", features }; }

  cityops.mapLayers = { sources, lines, spots, keep };
})(window.cityops);
