/* Pictures for the map, drawn here: shapes of states, and names as images.

   MapLibre 5.3 draws no text without glyph files. An icon whose name is "label|style|text"
   is drawn on a canvas with the page's own font when the map first asks for it. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const RATIO = 2;
  const LABELS = {
    district: { size: 11.5, weight: 650, colour: "map-text", spacing: 1.2, upper: true },
    ward: { size: 10, weight: 500, colour: "map-text", spacing: 0.2 },
    water: { size: 11, weight: 500, colour: "map-water-text", italic: true, spacing: 0.6 },
    road: { size: 10, weight: 500, colour: "map-text", spacing: 0.2 },
    count: { size: 12, weight: 700, colour: "ground", spacing: 0 },
  };

  /* How much larger than usual the page is drawn: on a very large screen its root font grows. */
  function scale() { return parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1; }

  function canvas(width, height) {
    const made = document.createElement("canvas");
    const ratio = RATIO * scale();
    made.width = Math.ceil(width * ratio);
    made.height = Math.ceil(height * ratio);
    // Read back at once: kept in memory, for fetching it from the graphics side takes 40 ms each.
    const pen = made.getContext("2d", { willReadFrequently: true });
    pen.scale(ratio, ratio);
    return [made, pen];
  }

  function image(made) {
    return made.getContext("2d").getImageData(0, 0, made.width, made.height);
  }

  function label(style, text) {
    const look = LABELS[style] || LABELS.road;
    const said = look.upper ? text.toLocaleUpperCase() : text;
    const font = `${look.italic ? "italic " : ""}${look.weight} ${look.size}px ${cityops.format.colour("font")}`;
    const [, ruler] = canvas(1, 1);
    ruler.font = font;
    ruler.letterSpacing = look.spacing + "px";
    const width = ruler.measureText(said).width + 8;
    const [made, pen] = canvas(width, look.size * 1.5 + 4);
    pen.font = font;
    pen.letterSpacing = look.spacing + "px";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    if (style !== "count") {
      pen.lineWidth = 3;
      pen.strokeStyle = cityops.format.colour("map-halo");
      pen.globalAlpha = 0.85;
      pen.strokeText(said, 4, look.size * 0.75 + 2);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = cityops.format.colour(look.colour);
    pen.fillText(said, 4, look.size * 0.75 + 2);
    return image(made);
  }

  const CORNERS = {
    minor: [[0, -1], [0.95, 0.72], [-0.95, 0.72]],
    major: [[0, -1.05], [1.05, 0], [0, 1.05], [-1.05, 0]],
    critical: [[-0.42, -1], [0.42, -1], [1, -0.42], [1, 0.42], [0.42, 1], [-0.42, 1], [-1, 0.42], [-1, -0.42]],
  };

  /* Draws a state's shape around (x, y): the same on the map and on its 2D stand-in. */
  function shape(pen, state, x, y, radius) {
    const colour = cityops.format.colour("state-" + state) || cityops.format.colour("state-unknown");
    pen.beginPath();
    if (CORNERS[state]) {
      CORNERS[state].forEach(([dx, dy], i) => pen[i ? "lineTo" : "moveTo"](x + dx * radius, y + dy * radius));
      pen.closePath();
    } else {
      pen.arc(x, y, radius * 0.8, 0, 2 * Math.PI);
    }
    pen.lineWidth = 1.6;
    pen.strokeStyle = cityops.format.colour("ground");
    pen.fillStyle = colour;
    if (state === "silent" || state === "info" || state === "unknown") {
      pen.fillStyle = cityops.format.colour("ground");
      pen.fill();
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
    } else {
      pen.fill();
    }
    pen.stroke();
    if (state === "silent") {
      pen.beginPath();
      pen.moveTo(x - radius * 0.5, y - radius * 0.5);
      pen.lineTo(x + radius * 0.5, y + radius * 0.5);
      pen.stroke();
    }
  }

  function mark(state) {
    const size = state === "critical" ? 24 : 20;
    const [made, pen] = canvas(size, size);
    shape(pen, state, size / 2, size / 2, size / 2 - 3);
    return image(made);
  }

  /* A value on its class's ground, with a foot that points at its place; hollow where it is old. */
  function badge(shade, text) {
    const font = `650 11px ${cityops.format.colour("font")}`;
    const [, ruler] = canvas(1, 1);
    ruler.font = font;
    const width = Math.ceil(ruler.measureText(text).width) + 12;
    const [made, pen] = canvas(width + 2, 24);
    const old = shade === "stale";
    pen.beginPath();
    pen.roundRect(1, 1, width, 17, 5);
    pen.moveTo(width / 2 - 3, 18);
    pen.lineTo(width / 2 + 1, 22.5);
    pen.lineTo(width / 2 + 5, 18);
    pen.fillStyle = old ? cityops.format.colour("panel") : cityops.layers.colour(shade);
    pen.strokeStyle = old ? cityops.layers.colour(shade) : cityops.layers.ink(shade);
    if (old) pen.setLineDash([3, 2]);
    pen.lineWidth = 1.2;
    pen.fill();
    pen.stroke();
    pen.font = font;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = old ? cityops.layers.colour(shade) : cityops.layers.ink(shade);
    pen.fillText(text, width / 2 + 1, 10);
    return made;
  }

  /* Answers the map's "styleimagemissing". */
  function provide(map, name) {
    const [kind, style, ...text] = name.split("|");
    if (map.hasImage(name)) return;
    if (kind === "label") map.addImage(name, label(style, text.join("|").slice(0, 80)), { pixelRatio: RATIO });
    else if (kind === "badge") map.addImage(name, image(badge(style, text.join("|").slice(0, 24))), { pixelRatio: RATIO });
    else if (kind === "mark") map.addImage(name, mark(style), { pixelRatio: RATIO });
  }

  cityops.icons = { provide, shape, badge, scale, RATIO };
})(window.cityops);
