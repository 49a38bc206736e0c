/* The alerts on a phone: a list of cards that grows as the reader scrolls. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const STEP = 40;
  const ticked = new Set();
  let shown = 0;
  let total = 0;
  let asking = 0; // the newest question; answers to older ones are dropped
  let watcher = null;

  const list = () => document.getElementById("alerts-cards");

  function card(alert) {
    const { element, mark, settings } = cityops.format;
    const { lang, statuses } = settings();
    const link = element("a", "card__link",
      mark(alert.severity),
      element("strong", "card__device", alert.device_name[lang] || alert.device_id),
      element("time", "card__time", cityops.alertCells.moment(alert.opened_at)),
      element("span", "card__text", alert.text[lang] || alert.rule),
      element("span", "status status--" + alert.status, statuses[alert.status] || alert.status),
      element("span", "card__who", alert.assignee || ""));
    link.href = "/alerts/" + alert.alert_id;
    const item = element("li", "card");
    item.dataset.alertId = alert.alert_id;
    if (cityops.alert.mayAct()) item.append(tick(alert));
    item.append(link);
    return item;
  }

  function tick(alert) {
    const { element, settings } = cityops.format;
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = ticked.has(alert.alert_id);
    box.setAttribute("aria-label", alert.device_name[settings().lang] || alert.device_id);
    box.addEventListener("change", () => {
      if (box.checked) ticked.add(alert.alert_id);
      else ticked.delete(alert.alert_id);
      cityops.alerts.choose([...ticked]);
    });
    return element("label", "card__tick", box);
  }

  /* The first so many, in the place of what is shown. */
  async function show(number) {
    const mine = ++asking;
    const answer = await cityops.alerts.find(0, number);
    if (mine !== asking || !answer || !list()) return;
    total = answer.total;
    shown = answer.found.length;
    list().replaceChildren(...answer.found.map(card));
    watch();
  }

  async function more() {
    const mine = ++asking;
    const answer = await cityops.alerts.find(shown, STEP);
    if (mine !== asking || !answer || !list()) return;
    total = answer.total;
    shown += answer.found.length;
    list().append(...answer.found.map(card));
    watch();
  }

  function watch() {
    if (watcher) watcher.disconnect();
    const last = list().lastElementChild;
    if (!last || shown >= total) return;
    watcher = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) more(); });
    watcher.observe(last);
  }

  function untick() {
    ticked.clear();
    if (list()) for (const box of list().querySelectorAll("input:checked")) box.checked = false;
  }

  cityops.alertCards = {
    start() { untick(); if (list()) list().replaceChildren(); show(STEP); },
    renew() { show(Math.max(STEP, Math.ceil(shown / STEP) * STEP)); },
    untick,
  };
})(window.cityops);
