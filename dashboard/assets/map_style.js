/* The map's style: the city's own layers and the devices, in the theme's colours. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const CLUSTER_BELOW = 9.5; // zoom
  const RANK = { ok: 0, unknown: 1, info: 2, silent: 3, minor: 4, major: 5, critical: 6 };

  function style(layers, nameKey, data) {
    const c = cityops.format.colour;
    const source = (name) => ({
      type: "geojson",
      data: layers.includes(name) ? `${location.origin}/api/v1/layers/${name}` : empty(),
    });
    return {
      version: 8,
      sources: {
        outline: source("outline"), districts: source("districts"), wards: source("wards"),
        rivers: source("rivers"), canals: source("canals"), roads: source("roads"), metro: source("metro"),
        devices: { type: "geojson", data: data.devices, promoteId: "id" },
        marks: { type: "geojson", data: empty() },
        chosen: { type: "geojson", data: empty() },
        groups: {
          type: "geojson", data: empty(), cluster: true, clusterRadius: 42, clusterMaxZoom: 9,
          clusterProperties: { worst: ["max", ["get", "rank"]] },
        },
        places: { type: "geojson", data: data.places },
      },
      layers: [...ground(c), ...water(c), ...roads(c), ...names(nameKey), ...devices(c), ...groups(c)],
    };
  }

  function empty() { return { type: "FeatureCollection", features: [] }; }

  /* Line width of something "metres" wide, growing with the zoom as the ground does. */
  function metres(value, least) {
    const at = (zoom) => ["max", least, ["*", value, (2 ** zoom * 512) / (40075017 * Math.cos((10.8 * Math.PI) / 180))]];
    return ["interpolate", ["exponential", 2], ["zoom"], 8, at(8), 18, at(18)];
  }

  function zooms(...stops) { return ["interpolate", ["linear"], ["zoom"], ...stops]; }

  function ground(c) {
    return [
      { id: "ground", type: "background", paint: { "background-color": c("map-land") } },
      { id: "city", type: "fill", source: "outline", filter: ["==", ["get", "key"], "pre_2025"], paint: { "fill-color": c("map-land-2") } },
      { id: "district-edges", type: "line", source: "districts", layout: { "line-join": "round" },
        paint: { "line-color": c("map-border"), "line-width": zooms(9, 0.5, 13, 1.2), "line-opacity": 0.55, "line-dasharray": [3, 2] } },
      { id: "city-edge", type: "line", source: "outline", paint: { "line-color": c("map-border"), "line-width": zooms(8, 0.8, 12, 1.6), "line-opacity": 0.8 } },
    ];
  }

  function water(c) {
    const layout = { "line-cap": "round", "line-join": "round" };
    const width = ["coalesce", ["get", "width_m"], 40];
    return ["canals", "rivers"].flatMap((source) => [
      { id: source + "-bank", type: "line", source, layout,
        paint: { "line-color": c("map-water-edge"), "line-width": metres(["+", width, 30], source === "rivers" ? 3.4 : 1.8), "line-opacity": 0.55 } },
    ]).concat(["canals", "rivers"].map((source) => (
      { id: source, type: "line", source, layout,
        paint: { "line-color": c("map-water"), "line-width": metres(width, source === "rivers" ? 2.2 : 1.1) } }
    )));
  }

  function roads(c) {
    const layout = { "line-cap": "round", "line-join": "round" };
    const major = ["match", ["get", "class"], ["trunk", "ring"], true, false];
    return [
      { id: "roads", type: "line", source: "roads", layout,
        paint: { "line-color": ["case", major, c("map-road-major"), c("map-road")],
                 "line-width": zooms(9, ["case", major, 1, 0.7], 13, ["case", major, 3, 2.2], 16, ["case", major, 8, 6]) } },
      { id: "metro", type: "line", source: "metro", layout,
        paint: { "line-color": c("map-metro"), "line-width": zooms(9, 1, 14, 2.6), "line-opacity": 0.75, "line-dasharray": [2.4, 1.4] } },
    ];
  }

  function names(nameKey) {
    const picture = (kind) => ["concat", "label|" + kind + "|", ["get", nameKey]];
    const line = { "symbol-placement": "line-center", "icon-rotation-alignment": "map", "icon-keep-upright": true, "icon-padding": 6 };
    return [
      { id: "road-names", type: "symbol", source: "roads", minzoom: 12.6, layout: { ...line, "icon-image": picture("road") } },
      { id: "ward-names", type: "symbol", source: "wards", minzoom: 13.2, layout: { "icon-image": picture("ward"), "icon-padding": 8 } },
      { id: "canal-names", type: "symbol", source: "canals", minzoom: 12, layout: { ...line, "icon-image": picture("water") } },
      { id: "river-names", type: "symbol", source: "rivers", minzoom: 9.5,
        layout: { ...line, "symbol-placement": "line", "symbol-spacing": 420, "icon-image": picture("water") } },
      { id: "district-names", type: "symbol", source: "places", minzoom: 9.8, layout: { "icon-image": picture("district"), "icon-padding": 4 } },
    ];
  }

  /* Few layers: without a GPU each costs as much again. Calm devices glow by their stroke,
     troubled ones by a blurred circle of their own. */
  function devices(c) {
    const byState = (value) => ["match", value, ...Object.keys(RANK).flatMap((state) => [state, c("state-" + state)]), c("state-unknown")];
    const colour = byState(["coalesce", ["feature-state", "state"], "unknown"]);
    const marked = { source: "marks", minzoom: CLUSTER_BELOW };
    return [
      { id: "devices", type: "circle", source: "devices", minzoom: CLUSTER_BELOW,
        paint: { "circle-color": colour, "circle-radius": zooms(9.5, 1.8, 12, 2.8, 16, 6),
                 "circle-stroke-color": colour, "circle-stroke-opacity": 0.26, "circle-stroke-width": zooms(9.5, 2, 12, 3.6, 16, 8) } },
      { id: "mark-glow", type: "circle", ...marked,
        paint: { "circle-color": byState(["get", "state"]), "circle-blur": 1, "circle-opacity": 0.62,
                 "circle-radius": zooms(9.5, 13, 13, 24, 16, 32) } },
      { id: "marks", type: "symbol", ...marked,
        layout: { "icon-image": ["concat", "mark|", ["get", "state"]], "icon-allow-overlap": true, "icon-ignore-placement": true,
                  "symbol-sort-key": ["get", "rank"], "icon-size": zooms(9.5, 0.55, 12, 0.8, 15, 1.1) } },
      { id: "chosen", type: "circle", source: "chosen",
        paint: { "circle-color": "rgba(0,0,0,0)", "circle-radius": zooms(9.5, 9, 14, 16), "circle-stroke-color": c("text"), "circle-stroke-width": 2 } },
    ];
  }

  function groups(c) {
    const worst = ["coalesce", ["get", "worst"], ["get", "rank"]];
    const colour = ["match", worst, ...Object.entries(RANK).flatMap(([state, rank]) => [rank, c("state-" + state)]), c("state-unknown")];
    const count = ["coalesce", ["get", "point_count"], 1];
    const radius = ["interpolate", ["linear"], count, 1, 5, 5, 11, 50, 17, 300, 24];
    return [
      { id: "group-glow", type: "circle", source: "groups", maxzoom: CLUSTER_BELOW,
        paint: { "circle-color": colour, "circle-blur": 0.9, "circle-opacity": 0.45, "circle-radius": ["*", 1.7, radius] } },
      { id: "groups", type: "circle", source: "groups", maxzoom: CLUSTER_BELOW,
        paint: { "circle-color": colour, "circle-radius": radius, "circle-stroke-color": c("ground"), "circle-stroke-width": 1.5 } },
      { id: "group-counts", type: "symbol", source: "groups", maxzoom: CLUSTER_BELOW, filter: ["has", "point_count"],
        layout: { "icon-image": ["concat", "label|count|", ["to-string", ["get", "point_count"]]], "icon-allow-overlap": true } },
    ];
  }

  cityops.mapStyle = { style, RANK, CLUSTER_BELOW };
})(window.cityops);
