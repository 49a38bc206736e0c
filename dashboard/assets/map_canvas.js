/* The map's stand-in where there is no WebGL: the same layers and devices on a 2D canvas. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const DRAWN = ["districts", "canals", "rivers", "roads", "metro"];

  async function make(container, city, bbox, onChoose) {
    const layers = {};
    await Promise.all(DRAWN.filter((name) => city.layers.includes(name)).map(async (name) => {
      const answer = await fetch("/api/v1/layers/" + name);
      if (answer.ok) layers[name] = (await answer.json()).features;
    }));
    const canvas = document.createElement("canvas");
    canvas.style.cssText = "width:100%;height:100%;display:block;touch-action:none";
    container.append(canvas);
    const pen = canvas.getContext("2d");
    const tip = cityops.tip.make();
    const BADGES = 90;
    const asked = cityops.map.asked();
    const view = { lon: (bbox[0] + bbox[2]) / 2, lat: (bbox[1] + bbox[3]) / 2, scale: 1 };
    let outlined = null;
    let hidden = new Set();
    let chosen = null;
    let drawing = 0;
    let dragged = null;

    const flat = Math.cos((view.lat * Math.PI) / 180);
    function fit(box) {
      view.scale = Math.min(container.clientWidth / ((box[2] - box[0]) * flat), container.clientHeight / (box[3] - box[1]));
      view.lon = (box[0] + box[2]) / 2;
      view.lat = (box[1] + box[3]) / 2;
    }
    /* The other map's zoom of the same scale, for the address means one thing. */
    function zoom() { return Math.log2((view.scale * flat * 360) / 512); }
    function remember() {
      cityops.address.set("at", [view.lat.toFixed(4), view.lon.toFixed(4), zoom().toFixed(1)].join(","));
    }
    function project([lon, lat]) {
      return [
        container.clientWidth / 2 + (lon - view.lon) * flat * view.scale,
        container.clientHeight / 2 - (lat - view.lat) * view.scale,
      ];
    }

    function later() { if (!drawing) drawing = requestAnimationFrame(draw); }

    function draw() {
      drawing = 0;
      const ratio = window.devicePixelRatio || 1;
      canvas.width = container.clientWidth * ratio;
      canvas.height = container.clientHeight * ratio;
      pen.scale(ratio, ratio);
      pen.lineCap = pen.lineJoin = "round";
      const metre = view.scale / 111320;
      for (const feature of layers.districts || []) line(feature, "map-border", 0.8);
      for (const feature of [...(layers.canals || []), ...(layers.rivers || [])]) {
        line(feature, "map-water", Math.max(1.4, (feature.properties.width_m || 40) * metre));
      }
      for (const feature of layers.roads || []) line(feature, "map-road", 1.3);
      for (const feature of layers.metro || []) line(feature, "map-metro", 1.3);
      if (outlined) line({ geometry: outlined }, "accent", 3);
      if (cityops.layers.chosen) { gauges(); return; }
      const order = cityops.mapStyle.RANK;
      devices().sort((a, b) => order[state(a)] - order[state(b)]).forEach(device);
    }

    function gauges() {
      const { layers, icons } = cityops;
      for (const gauge of layers.gauges()) {
        if (gauge.points.length) { stroke(gauge.points, layers.colour(gauge.shade), 3); continue; }
        const [x, y] = project(gauge.at);
        pen.beginPath();
        pen.arc(x, y, 5, 0, 2 * Math.PI);
        pen.fillStyle = layers.colour(gauge.shade);
        pen.strokeStyle = cityops.format.colour("ground");
        pen.lineWidth = 1.4;
        pen.fill();
        pen.stroke();
      }
      const taken = [];
      for (const gauge of layers.badges(inside, BADGES)) {
        const [x, y] = project(gauge.at);
        const picture = icons.badge(gauge.shade, gauge.said);
        const [width, height] = [picture.width / icons.RATIO, picture.height / icons.RATIO];
        const box = [x - width / 2, y - height - 4, x + width / 2, y - 4];
        if (taken.some((one) => one[0] < box[2] && one[2] > box[0] && one[1] < box[3] && one[3] > box[1])) continue;
        taken.push(box);
        pen.drawImage(picture, box[0], box[1], width, height);
      }
    }

    function inside(at) {
      const [x, y] = project(at);
      return x > 0 && y > 0 && x < container.clientWidth && y < container.clientHeight;
    }

    function line(feature, colour, width) {
      const { type, coordinates } = feature.geometry;
      const parts = { LineString: [coordinates], Polygon: coordinates, MultiLineString: coordinates, MultiPolygon: coordinates.flat() }[type] || [];
      for (const part of parts) stroke(part, cityops.format.colour(colour), width);
    }

    function stroke(points, colour, width) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      points.forEach((at, i) => pen[i ? "lineTo" : "moveTo"](...project(at)));
      pen.stroke();
    }

    function devices() { return [...cityops.inventory.values()].filter((item) => !hidden.has(item.domain)); }
    function state(item) { return cityops.live.states.get(item.device_id) || "unknown"; }
    function device(item) {
      const [x, y] = project([item.lon, item.lat]);
      const shown = state(item);
      cityops.icons.shape(pen, shown, x, y, shown === "ok" || shown === "unknown" ? 4 : 7);
      if (item.device_id !== chosen) return;
      pen.beginPath();
      pen.arc(x, y, 12, 0, 2 * Math.PI);
      pen.strokeStyle = cityops.format.colour("text");
      pen.stroke();
    }

    function near(event) {
      const box = canvas.getBoundingClientRect();
      const at = [event.clientX - box.left, event.clientY - box.top];
      const away = (item) => { const [x, y] = project([item.lon, item.lat]); return Math.hypot(x - at[0], y - at[1]); };
      const found = devices().map((item) => [away(item), item]).sort((a, b) => a[0] - b[0])[0];
      return found && found[0] < 10 ? found[1] : null;
    }

    canvas.addEventListener("pointerdown", (event) => {
      dragged = { x: event.clientX, y: event.clientY, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!dragged) {
        const found = near(event);
        canvas.style.cursor = found ? "pointer" : "grab";
        if (found) tip.show(found.device_id, ...project([found.lon, found.lat])); else tip.hide();
        return;
      }
      const [dx, dy] = [event.clientX - dragged.x, event.clientY - dragged.y];
      if (!dragged.moved && Math.hypot(dx, dy) < 4) return;
      dragged = { x: event.clientX, y: event.clientY, moved: true };
      view.lon -= dx / view.scale / flat;
      view.lat += dy / view.scale;
      later();
    });
    canvas.addEventListener("pointerup", (event) => {
      const found = dragged && !dragged.moved && near(event);
      if (dragged && dragged.moved) remember();
      dragged = null;
      if (found) onChoose(found.device_id);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      view.scale *= Math.exp(-event.deltaY / 500);
      remember();
      later();
    }, { passive: false });

    const resized = new ResizeObserver(later);
    resized.observe(container);
    fit(bbox);
    if (asked) [view.lat, view.lon, view.scale] = [asked[0], asked[1], (2 ** asked[2] * 512) / 360 / flat];
    later();
    container.dataset.ready = "canvas";
    return {
      reset: later,
      states(changed) { if (Object.keys(changed).length) later(); },
      choose(id, fly) {
        chosen = id;
        const item = id && cityops.inventory.get(id);
        if (item && fly) { view.lon = item.lon; view.lat = item.lat; }
        later();
      },
      outline(geometry, box) {
        outlined = geometry;
        if (geometry) { fit(box); view.scale *= 0.8; remember(); }
        later();
      },
      layer: later,
      gauges(changed) { if (changed.length) later(); },
      hide(domains) { hidden = new Set(domains); later(); },
      remove() { resized.disconnect(); cancelAnimationFrame(drawing); tip.hide(); canvas.remove(); },
      where(id) { const item = cityops.inventory.get(id); return project([item.lon, item.lat]); },
    };
  }

  cityops.canvasMap = { make };
})(window.cityops);
