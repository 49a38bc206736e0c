/* Acting on alerts: one way to ask the interface, and the page of one alert. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";

  /* Resolves to { ok, body, said }: what was answered, and what to tell the person. */
  async function ask(path, body) {
    const { settings, text } = cityops.format;
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": settings().csrf || "" };
    try {
      const answer = await fetch("/api/v1/alerts/" + path, { method: "POST", headers, body: JSON.stringify(body) });
      const found = await answer.json();
      return { ok: answer.ok, body: found, said: answer.ok ? "" : found.said || found.detail };
    } catch (error) {
      return { ok: false, body: null, said: text("unreachable") };
    }
  }

  function mayAct() { return ["operator", "engineer", "administrator"].includes(cityops.format.settings().role); }

  function tell(id, said, failed) {
    const place = document.getElementById(id);
    if (!place) return;
    place.textContent = said;
    place.classList.toggle("said--failed", Boolean(failed));
  }

  function begin(root) {
    const number = Number(root.dataset.alertId);
    let turn = 0;
    const again = () => window.dash_clientside.set_props("alert-turn", { data: ++turn });
    const act = async (verb, facts) => {
      const state = document.getElementById("alert-state");
      const answer = await ask(`${number}/${verb}`, { version: state ? Number(state.dataset.version) : null, ...facts });
      tell("alert-said", answer.said, !answer.ok);
      again();
      return answer.ok;
    };
    root.addEventListener("click", async (event) => {
      const button = event.target.closest("button[data-verb]");
      if (button && !button.disabled) {
        button.disabled = true;
        const { verb, verdict } = button.dataset;
        const facts = {};
        if (verb === "verdict") facts.verdict = button.getAttribute("aria-pressed") === "true" ? null : verdict;
        if (verb === "assign") facts.assignee = cityops.format.settings().name;
        await act(verb, facts);
        button.disabled = false;
      } else if (event.target.closest("#alert-send")) {
        const box = document.getElementById("alert-comment");
        if (box.value.trim() && await act("comment", { text: box.value })) {
          window.dash_clientside.set_props("alert-comment", { value: "" });
        }
      }
    });
    root.addEventListener("change", async (event) => {
      const choice = event.target.closest("#alert-assignee");
      if (!choice || !choice.value) return;
      const name = choice.value;
      choice.value = "";
      await act("assign", { assignee: name === "-" ? null : name });
    });
    const stops = [
      cityops.live.on("frame", (frame) => { if (frame.alerts.some((a) => a.alert_id === number)) again(); }),
      cityops.live.on("reset", () => { if (turn) again(); }),
    ];
    return () => stops.forEach((stop) => stop());
  }

  cityops.alert = { ask, mayAct, tell };
  const wait = () => cityops.mount("alert-root", begin);
  if (cityops.mount) wait();
  else document.addEventListener("DOMContentLoaded", wait);
})(window.cityops);
