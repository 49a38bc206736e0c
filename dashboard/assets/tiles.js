/* Number tiles: fills every [data-tile] with the number at that path of the frame's tiles. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const KEPT = 90; // points of the sparkline, one a second
  let rates = [];
  let ratedAt = 0;

  function reset() {
    rates = cityops.live.rates.slice(-KEPT);
    show(cityops.live.tiles);
  }

  function show(tiles) {
    if (!tiles) return;
    for (const place of document.querySelectorAll("[data-tile]")) {
      const value = place.dataset.tile.split(".").reduce((part, key) => (part ? part[key] : undefined), tiles);
      if (typeof value !== "number") continue;
      const decimals = place.dataset.tile === "readings_per_s" && value < 100 ? 1 : 0;
      const said = cityops.format.number(value, decimals);
      if (place.textContent !== said) place.textContent = said;
    }
    for (const place of document.querySelectorAll("[data-worst-of]")) {
      const domain = tiles.by_domain[place.dataset.worstOf];
      place.dataset.worst = domain && domain.alerts ? worstAlert(place.dataset.worstOf) : "";
    }
    const fill = document.getElementById("overview-online-fill");
    if (fill) fill.style.width = (tiles.devices ? (100 * tiles.online) / tiles.devices : 0) + "%";
    rate(tiles.readings_per_s);
  }

  function worstAlert(domain) {
    const order = ["critical", "major", "minor", "info"];
    const found = new Set();
    for (const alert of cityops.live.alerts.values()) if (alert.domain === domain) found.add(alert.severity);
    return order.find((severity) => found.has(severity)) || "";
  }

  function rate(value) {
    if (Date.now() - ratedAt < 1000) return;
    ratedAt = Date.now();
    rates.push(value);
    if (rates.length > KEPT) rates.shift();
    draw(document.getElementById("overview-rate-line"));
  }

  function draw(canvas) {
    if (!canvas || rates.length < 2) return;
    const ratio = window.devicePixelRatio || 1;
    const width = (canvas.width = canvas.clientWidth * ratio);
    const height = (canvas.height = canvas.clientHeight * ratio);
    const pen = canvas.getContext("2d");
    const top = Math.max(...rates, 1) * 1.15;
    const x = (i) => width - (rates.length - 1 - i) * (width / (KEPT - 1));
    const y = (v) => height - 2 * ratio - (v / top) * (height - 4 * ratio);
    pen.beginPath();
    rates.forEach((v, i) => (i ? pen.lineTo(x(i), y(v)) : pen.moveTo(x(i), y(v))));
    pen.strokeStyle = cityops.format.colour("accent");
    pen.lineWidth = 1.6 * ratio;
    pen.stroke();
    pen.lineTo(width, height);
    pen.lineTo(x(0), height);
    pen.globalAlpha = 0.14;
    pen.fillStyle = cityops.format.colour("accent");
    pen.fill();
  }

  cityops.tiles = { show, reset };
})(window.cityops);
