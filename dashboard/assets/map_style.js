/* The map's style: the city's own layers and the devices, in the theme's colours. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const CLUSTER_TO = 9; // tile zoom; where points are dense, further in
  const SPARSE = 1500; // as many points as one view of the city can show apart
  const CITY_ZOOM = 10.5;
  const RANK = { ok: 0, unknown: 1, info: 2, silent: 3, minor: 4, major: 5, critical: 6 };

  /* The last tile zoom at which this many devices are grouped: with each, a view holds a quarter of them. */
  function clusterTo(count) {
    return Math.min(14, Math.max(CLUSTER_TO, Math.round(CITY_ZOOM + Math.log(count / SPARSE) / Math.log(4) - 0.5)));
  }

  function style(layers, nameKey, data) {
    const below = clusterTo(data.devices.features.length) + 0.5;
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
        marks: { type: "geojson", data: empty(), promoteId: "id" },
        chosen: { type: "geojson", data: empty() },
        found: { type: "geojson", data: empty() },
        groups: {
          type: "geojson", data: data.devices, promoteId: "id", cluster: true, clusterRadius: 46 * cityops.icons.scale(),
          clusterMaxZoom: below - 0.5, clusterProperties: { worst: ["max", ["get", "rank"]] },
        },
        places: { type: "geojson", data: data.places },
        ...cityops.mapLayers.sources(),
      },
      layers: [...ground(c), ...water(c), ...roads(c), ...found(c), ...cityops.mapLayers.lines(), ...names(nameKey),
               ...devices(c, below), ...groups(c, below), ...cityops.mapLayers.spots(), ...chosen(c)],
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

  function found(c) {
    return [
      { id: "found-area", type: "fill", source: "found", filter: ["==", ["geometry-type"], "Polygon"],
        paint: { "fill-color": c("accent"), "fill-opacity": 0.1 } },
      { id: "found-line", type: "line", source: "found", layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": c("accent"), "line-width": zooms(9, 2.5, 14, 5), "line-opacity": 0.85 } },
    ];
  }

  /* Few layers: without a GPU each costs as much again. Calm devices glow by their stroke,
     troubled ones by a blurred circle of their own. */
  function devices(c, below) {
    const s = cityops.icons.scale();
    const byState = (value) => ["match", value, ...Object.keys(RANK).flatMap((state) => [state, c("state-" + state)]), c("state-unknown")];
    const colour = byState(["coalesce", ["feature-state", "state"], ["get", "state"]]);
    const marked = { source: "marks", minzoom: below };
    return [
      { id: "devices", type: "circle", source: "devices", minzoom: below,
        paint: { "circle-color": colour, "circle-radius": zooms(9.5, 1.8 * s, 12, 2.8 * s, 16, 6 * s), "circle-opacity": 1,
                 "circle-stroke-color": colour, "circle-stroke-opacity": 0.26, "circle-stroke-width": zooms(9.5, 2 * s, 12, 3.6 * s, 16, 8 * s) } },
      { id: "mark-glow", type: "circle", ...marked,
        paint: { "circle-color": byState(["get", "state"]), "circle-blur": 1, "circle-opacity": 0.62,
                 "circle-radius": zooms(9.5, 13 * s, 13, 24 * s, 16, 32 * s) } },
      { id: "marks", type: "symbol", ...marked,
        layout: { "icon-image": ["concat", "mark|", ["get", "state"]], "icon-allow-overlap": true, "icon-ignore-placement": true,
                  "symbol-sort-key": ["get", "rank"], "icon-size": zooms(9.5, 0.55, 12, 0.8, 15, 1.1) } },
    ];
  }

  function chosen(c) {
    const s = cityops.icons.scale();
    return [
      { id: "chosen", type: "circle", source: "chosen",
        paint: { "circle-color": "rgba(0,0,0,0)", "circle-radius": zooms(9.5, 9 * s, 14, 16 * s), "circle-stroke-color": c("text"), "circle-stroke-width": 2 * s } },
    ];
  }

  /* A group has the colour and, beside its count, the shape of the worst state inside. */
  function groups(c, below) {
    const s = cityops.icons.scale();
    const worst = ["coalesce", ["get", "worst"], ["get", "rank"]];
    const byRank = (make) => Object.entries(RANK).flatMap(([state, rank]) => [rank, make(state)]);
    const colour = ["match", worst, ...byRank((state) => c("state-" + state)), c("state-unknown")];
    const count = ["coalesce", ["get", "point_count"], 1];
    const radius = ["interpolate", ["linear"], count, 1, 4 * s, 2, 9 * s, 5, 11 * s, 50, 16 * s, 300, 23 * s];
    const group = { source: "groups", maxzoom: below };
    const aside = ["interpolate", ["linear"], count, 5, ["literal", [14 * s, -14 * s]], 300, ["literal", [27 * s, -27 * s]]];
    return [
      { id: "group-glow", type: "circle", ...group, filter: ["has", "point_count"],
        paint: { "circle-color": colour, "circle-blur": 0.9, "circle-opacity": 0.4, "circle-radius": ["*", 1.7, radius] } },
      { id: "groups", type: "circle", ...group,
        paint: { "circle-color": colour, "circle-radius": radius, "circle-stroke-color": c("ground"), "circle-stroke-width": 1.5 * s } },
      { id: "group-counts", type: "symbol", ...group, filter: ["has", "point_count"],
        layout: { "icon-image": ["concat", "label|count|", ["to-string", ["get", "point_count"]]], "icon-allow-overlap": true } },
      { id: "group-marks", type: "symbol", ...group, filter: [">", worst, RANK.unknown],
        layout: { "icon-image": ["concat", "mark|", ["match", worst, ...byRank((state) => state), "unknown"]], "icon-size": 0.8,
                  "icon-offset": ["case", ["has", "point_count"], aside, ["literal", [0, 0]]],
                  "icon-allow-overlap": true, "icon-ignore-placement": true } },
    ];
  }

  cityops.mapStyle = { style, RANK, clusterTo, metres, zooms };
})(window.cityops);
