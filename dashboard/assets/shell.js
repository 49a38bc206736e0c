/* The header: clock, link state, language. Starts the live feed when the shell is there. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const YEAR_S = 365 * 24 * 3600;

  /* Charts and tables, which the server sizes in pixels, grow with the page. */
  document.cookie = `scale=${cityops.icons.scale()}; path=/; max-age=${YEAR_S}; samesite=lax`;

  function showLink(link) {
    const place = document.getElementById("shell-link");
    if (!place) return;
    const { text } = cityops.format;
    const left = Math.max(1, Math.ceil((link.retryAt - Date.now()) / 1000));
    const said = link.phase === "lost" ? text("lost", { seconds: left }) : text(link.phase);
    place.dataset.phase = link.phase;
    document.getElementById("shell-link-text").textContent = said;
  }

  function showClock() {
    const time = document.getElementById("shell-time");
    if (!time) return;
    const now = cityops.live.now();
    const { clock } = cityops.format;
    time.textContent = clock(now, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    document.getElementById("shell-date").textContent =
      clock(now, { weekday: "short", day: "2-digit", month: "2-digit", year: "numeric" });
  }

  function chooseLanguage(event) {
    const item = event.target.closest(".switch__item");
    if (!item) return;
    event.preventDefault();
    document.cookie = `lang=${item.dataset.lang}; path=/; max-age=${YEAR_S}; samesite=lax`;
    const address = new URL(location.href);
    address.searchParams.delete("lang");
    location.replace(address);
  }

  function chooseFace(event) {
    const button = event.target.closest("#shell-face");
    if (!button) return;
    document.cookie = `theme=${button.dataset.face}; path=/; max-age=${YEAR_S}; samesite=lax`;
    location.reload();
  }

  const ABOVE = { "/inbox": "/devices", "/quarantine": "/devices", "/bench": "/detectors" };

  /* Marks the page that is open; a page below another (a device, the inbox) counts as the one above. */
  function showPage() {
    const open = ABOVE[location.pathname] || location.pathname;
    for (const link of document.querySelectorAll(".bar__page")) {
      const path = new URL(link.href).pathname;
      const here = path === "/" ? open === "/" : (open + "/").startsWith(path + "/");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /* On a narrow screen pages and settings are behind a button. */
  function openMenu(event) {
    const button = document.getElementById("shell-menu");
    if (!button) return;
    const open = button.getAttribute("aria-expanded") === "true";
    const asked = event.target.closest && event.target.closest("#shell-menu");
    if (asked) button.setAttribute("aria-expanded", String(!open));
    else if (open && !event.target.closest("#shell-fold")) button.setAttribute("aria-expanded", "false");
  }

  function leaveMenu(event) {
    const button = document.getElementById("shell-menu");
    if (event.key !== "Escape" || !button || button.getAttribute("aria-expanded") !== "true") return;
    event.preventDefault(); // what is below stays open
    button.setAttribute("aria-expanded", "false");
    button.focus();
  }

  /* Past the header, without a change of the address: Dash would take it for another page. */
  function skip(event) {
    if (!event.target.closest("#shell-skip")) return;
    event.preventDefault();
    const place = document.querySelector("main") || document.getElementById("_pages_content");
    place.setAttribute("tabindex", "-1");
    place.focus();
  }

  function begin() {
    showPage();
    showClock();
    setInterval(showClock, 1000);
    cityops.live.on("link", showLink);
    showLink(cityops.live.link);
    cityops.live.start();
    document.addEventListener("click", chooseLanguage);
    document.addEventListener("click", chooseFace);
    document.addEventListener("click", openMenu);
    document.addEventListener("click", skip);
    document.addEventListener("keydown", leaveMenu, true);
  }

  /* Pages come and go as Dash renders them: mount(id, begin) runs when the element appears. */
  const mounted = new Map();
  const wanted = new Map([["shell", begin]]);
  cityops.mount = (id, handler) => { wanted.set(id, handler); look(); };

  function look() {
    for (const [id, handler] of wanted) {
      const found = document.getElementById(id);
      const before = mounted.get(id);
      if (found === (before && before.element)) continue;
      if (before && before.leave) before.leave();
      mounted.delete(id);
      if (found) mounted.set(id, { element: found, leave: handler(found) });
    }
  }
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", look);
})(window.cityops);
