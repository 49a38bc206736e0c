/* The page's state in its address, so that it can be shared.

   replaceState, for Dash would render the page anew on a push. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";

  function get(key) { return new URL(location.href).searchParams.get(key); }

  function set(key, value) {
    const next = new URL(location.href);
    if (value) next.searchParams.set(key, value);
    else next.searchParams.delete(key);
    // Commas may stand in a query as they are, and read better.
    if (next.href !== location.href) history.replaceState(history.state, "", next.href.replace(/%2C/g, ","));
  }

  cityops.address = { get, set };
})(window.cityops);
