/* The desks: values and ages kept up to date, choices kept in the address. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const OLD_INTERVALS = 3;
  const OLD_AT_LEAST_MS = 150000;

  function show(item) {
    const { format, live } = cityops;
    const row = live.readings.get(Number(item.dataset.streamId));
    const time = row ? row[1] : Number(item.dataset.time);
    if (row) {
      const metric = format.settings().metrics[item.dataset.metric];
      write(item.querySelector(".value__number"), format.number(row[2], metric ? metric.decimals : 2));
    }
    const aged = live.now() - time;
    write(item.querySelector(".value__age"), time ? format.age(aged) : format.text("no_value"));
    const patience = Math.max(OLD_AT_LEAST_MS, Number(item.dataset.interval) * 1000 * OLD_INTERVALS);
    item.classList.toggle("live--old", !time || aged > patience);
    format.showDoubt(item);
  }

  /* What the server worked out once says how old it is, and is marked when no newer one came. */
  function showAge(item) {
    const { format, live } = cityops;
    const aged = live.now() - Number(item.dataset.asOf);
    write(item, format.text("as_of_age", { age: format.age(aged) }));
    item.classList.toggle("as-of--old", aged > OLD_AT_LEAST_MS);
  }

  function write(place, said) {
    if (place && place.textContent !== said) place.textContent = said;
  }

  function begin(root) {
    const all = () => root.querySelectorAll("[data-stream-id]").forEach(show);
    const timer = setInterval(all, 1000);
    const stop = cityops.live.on("reset", all);
    root.addEventListener("click", (event) => {
      const item = event.target.closest("[data-choose]");
      if (item) window.dash_clientside.set_props(item.dataset.choose, { value: item.dataset.value });
    });
    return () => { clearInterval(timer); stop(); };
  }

  /* "traffic-road" keeps ?road=. replaceState: Dash would render the page anew on a push. */
  function remember(value) {
    const asked = window.dash_clientside.callback_context.triggered_id;
    if (!asked) return;
    const next = new URL(location.href);
    if (value) next.searchParams.set(asked.split("-")[1], value);
    else next.searchParams.delete(asked.split("-")[1]);
    history.replaceState(history.state, "", next);
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.desk = { remember };
  setInterval(() => document.querySelectorAll("[data-as-of]").forEach(showAge), 1000);
  /* shell.js, which has mount, is loaded after this file. */
  const wait = () => cityops.mount("desk-root", begin);
  if (cityops.mount) wait();
  else document.addEventListener("DOMContentLoaded", wait);
})(window.cityops);
