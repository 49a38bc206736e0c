/* What stands in the cells of the table of alerts; text only, never markup. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const make = (...parts) => window.React.createElement(...parts);
  const settings = () => cityops.format.settings();
  const cell = (draw) => (props) => (props.data ? draw(props.data, props) : null);
  const clamped = (said) => make("span", { className: "alerts__clamp", title: said }, said);

  /* Hour and day: "06:31 24/11" in both languages, as on the other pages. */
  function moment(millis) {
    const part = (options) => cityops.format.clock(millis, options);
    const time = part({ hour: "2-digit", minute: "2-digit", hour12: false });
    return `${time} ${part({ day: "2-digit" })}/${part({ month: "2-digit" })}`;
  }

  function shape(state) {
    return make("span", { className: "state" },
      make("span", { className: "mark mark--" + state, "aria-hidden": true }), settings().states[state] || state);
  }

  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  cells.AlertSeverity = cell((alert) => shape(alert.severity));
  cells.AlertDevice = cell((alert) => make("a",
    { href: "/alerts/" + alert.alert_id, className: "alerts__open alerts__clamp", title: alert.device_name[settings().lang] },
    alert.device_name[settings().lang] || alert.device_id));
  cells.AlertText = cell((alert) => clamped(alert.text[settings().lang]));
  cells.AlertStatus = cell((alert) => make("span", { className: "status status--" + alert.status },
    settings().statuses[alert.status] || alert.status));
  cells.AlertDomain = cell((alert) => make("span", {}, settings().domains[alert.domain] || alert.domain));
  cells.AlertAssignee = cell((alert) => (alert.assignee ? clamped(alert.assignee) : make("span", { className: "alerts__nobody" }, "–")));
  cells.AlertTime = cell((alert, props) => make("span", {}, moment(alert[props.colDef.field])));

  cityops.alertCells = { moment };
})(window.cityops);
