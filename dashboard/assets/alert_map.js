/* The small map of an alert's page: where its device stands. It shows and does not answer to the hand. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const ZOOM = 12.6;
  const SPAN = 0.06; // degrees of longitude across, where it is drawn without WebGL
  const DRAWN = ["districts", "canals", "rivers", "roads", "metro"];

  async function show(facts) {
    const container = document.getElementById("alert-map");
    if (!container) return () => {};
    const { device, lat, lon, state } = facts.dataset;
    const at = [Number(lon), Number(lat)];
    document.getElementById("alert-map-link").href = "/?device=" + encodeURIComponent(device);
    const answer = await fetch("/api/v1/city");
    if (!answer.ok) throw new Error("city " + answer.status);
    const city = await answer.json();
    try {
      return webGl(container, city, device, at, state);
    } catch (error) {
      container.replaceChildren(); // MapLibre throws where it gets no WebGL context
      return flat(container, city, at, state);
    }
  }

  function webGl(container, city, device, at, state) {
    const { mapStyle, icons, format } = cityops;
    const places = city.zones.map((zone) => point([zone.lon, zone.lat], { name_vi: zone.name.vi, name_en: zone.name.en }));
    const sources = { devices: collection([point(at, { id: device })]), places: collection(places) };
    const map = new window.maplibregl.Map({
      container, center: at, zoom: ZOOM, interactive: false, attributionControl: false, fadeDuration: 0,
      style: mapStyle.style(city.layers, "name_" + format.settings().lang, sources),
    });
    map.getCanvas().removeAttribute("tabindex");
    map.getCanvas().setAttribute("aria-hidden", "true");
    map.on("styleimagemissing", (event) => icons.provide(map, event.id));
    map.on("error", (event) => console.warn("map:", event.error && event.error.message));
    map.once("style.load", () => {
      const here = collection([point(at, { state, rank: mapStyle.RANK[state] || 0 })]);
      for (const name of ["marks", "chosen"]) if (map.getSource(name)) map.getSource(name).setData(here);
      map.setFeatureState({ source: "devices", id: device }, { state });
    });
    map.once("load", () => { container.dataset.ready = "webgl"; });
    return () => map.remove();
  }

  /* The same place on a 2D canvas. */
  async function flat(container, city, at, state) {
    const layers = await Promise.all(DRAWN.filter((name) => city.layers.includes(name)).map(async (name) => {
      const answer = await fetch("/api/v1/layers/" + name);
      return [name, answer.ok ? (await answer.json()).features : []];
    }));
    const canvas = document.createElement("canvas");
    canvas.className = "alert-page__canvas";
    container.append(canvas);
    const resized = new ResizeObserver(() => draw(canvas, new Map(layers), at, state));
    resized.observe(container);
    container.dataset.ready = "canvas";
    return () => resized.disconnect();
  }

  function draw(canvas, layers, at, state) {
    const { colour } = cityops.format;
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.lineCap = pen.lineJoin = "round";
    const east = width / SPAN;
    const north = east / Math.cos((at[1] * Math.PI) / 180);
    const project = ([lon, lat]) => [width / 2 + (lon - at[0]) * east, height / 2 - (lat - at[1]) * north];
    const metre = north / 111320;
    for (const [name, features] of layers) {
      for (const feature of features) {
        const water = name === "canals" || name === "rivers";
        pen.strokeStyle = colour(water ? "map-water" : name === "metro" ? "map-metro" : name === "roads" ? "map-road-major" : "map-border");
        pen.lineWidth = water ? Math.max(2, (feature.properties.width_m || 40) * metre) : name === "roads" ? 2 : 1;
        for (const part of parts(feature.geometry)) {
          pen.beginPath();
          part.forEach((place, i) => pen[i ? "lineTo" : "moveTo"](...project(place)));
          pen.stroke();
        }
      }
    }
    cityops.icons.shape(pen, state, width / 2, height / 2, 9);
    pen.beginPath();
    pen.arc(width / 2, height / 2, 17, 0, 2 * Math.PI);
    pen.strokeStyle = colour("text");
    pen.lineWidth = 2;
    pen.stroke();
  }

  function parts({ type, coordinates }) {
    return { LineString: [coordinates], Polygon: coordinates, MultiLineString: coordinates, MultiPolygon: coordinates.flat() }[type] || [];
  }
  function point(coordinates, properties) { return { type: "Feature", geometry: { type: "Point", coordinates }, properties }; }
  function collection(features) { return { type: "FeatureCollection", features }; }

  function begin(facts) {
    const made = show(facts).catch((error) => {
      console.warn("map:", error);
      return () => {};
    });
    return () => made.then((remove) => remove());
  }

  const wait = () => cityops.mount("alert-state", begin);
  if (cityops.mount) wait();
  else document.addEventListener("DOMContentLoaded", wait);
})(window.cityops);
