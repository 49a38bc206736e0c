/* The devices' states on the WebGL map, at a cost that goes with what changed.

   A dot's colour is feature-state. Marks of troubled devices and the groups are sources that are
   told the differences; the groups, which the worker counts anew each time, at a slower pace and
   only while they are seen. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const MARKS_MS = 500;
  const GROUPS_MS = 3000;
  const MANY = 2000; // more changes than this at once: sending the source again is cheaper

  function stateOf(id) { return cityops.live.states.get(id) || "unknown"; }
  function rankOf(state) { return cityops.mapStyle.RANK[state] || 0; }

  function feature(device, state) {
    return cityops.map.point(device.lon, device.lat, { id: device.device_id, state, rank: rankOf(state) });
  }

  function points(hidden) {
    const shown = [...cityops.inventory.values()].filter((device) => !hidden.has(device.domain));
    return cityops.map.collection(shown.map((device) => feature(device, stateOf(device.device_id))));
  }

  /* `drawn` is what the sources hold already. */
  function keep(map, drawn) {
    const painted = new Map(); // device id → the state its dot shows
    const grouped = new Map(); // device id → the state its group counts
    const marked = new Set(); // device ids with a mark
    let hidden = new Set();
    let below = cityops.mapStyle.clusterTo(cityops.inventory.size) + 0.5;
    let touched = new Set(); // since the marks were set
    let drifted = new Set(); // since the groups were
    let marksDue = 0;
    let groupsDue = 0;

    function rebuild() {
      const all = points(hidden);
      map.removeFeatureState({ source: "devices" });
      map.getSource("devices").setData(all);
      regroup(all);
      note(all);
    }

    function note(all) {
      painted.clear();
      grouped.clear();
      marked.clear();
      for (const { properties: { id, state } } of all.features) { painted.set(id, state); grouped.set(id, state); }
      const troubled = all.features.filter((item) => item.properties.rank > cityops.mapStyle.RANK.unknown);
      troubled.forEach((item) => marked.add(item.properties.id));
      map.getSource("marks").setData(cityops.map.collection(troubled));
      touched = new Set();
      drifted = new Set();
    }

    function regroup(all) {
      const groups = map.getSource("groups");
      groups.setData(all);
      const wanted = cityops.mapStyle.clusterTo(all.features.length) + 0.5;
      if (wanted === below) return;
      below = wanted;
      groups.setClusterOptions({ cluster: true, clusterMaxZoom: below - 0.5 });
      for (const id of ["devices", "mark-glow", "marks"]) map.setLayerZoomRange(id, below, 24);
      for (const id of ["group-glow", "groups", "group-counts", "group-marks"]) map.setLayerZoomRange(id, 0, below);
    }

    /* After a new snapshot: the devices are the same, their states may not be. */
    function reset(anew) {
      const changed = [...cityops.inventory.keys()].filter((id) => painted.get(id) !== stateOf(id) && !skipped(id));
      if (anew || changed.length > MANY) rebuild();
      else apply(changed);
    }

    function skipped(id) {
      const device = cityops.inventory.get(id);
      return !device || hidden.has(device.domain);
    }

    function apply(ids) {
      for (const id of ids) {
        if (skipped(id)) continue;
        const state = stateOf(id);
        painted.set(id, state);
        map.setFeatureState({ source: "devices", id }, { state });
        touched.add(id);
        drifted.add(id);
      }
      if (touched.size && !marksDue) marksDue = setTimeout(setMarks, MARKS_MS);
      if (drifted.size && !groupsDue) groupsDue = setTimeout(setGroups, GROUPS_MS);
    }

    function setMarks() {
      marksDue = 0;
      const add = [];
      const remove = [];
      for (const id of touched) {
        const item = feature(cityops.inventory.get(id), stateOf(id));
        if (item.properties.rank > cityops.mapStyle.RANK.unknown) { add.push(item); marked.add(id); }
        else if (marked.delete(id)) remove.push(id);
      }
      touched = new Set();
      if (add.length || remove.length) map.getSource("marks").updateData({ add, remove });
    }

    function setGroups() {
      groupsDue = 0;
      if (map.getZoom() >= below + 0.5) return; // told when they come into sight
      const update = [];
      for (const id of drifted) {
        const state = stateOf(id);
        if (grouped.get(id) === state) continue;
        grouped.set(id, state);
        update.push({ id, addOrUpdateProperties: [{ key: "state", value: state }, { key: "rank", value: rankOf(state) }] });
      }
      drifted = new Set();
      if (update.length) map.getSource("groups").updateData({ update });
    }

    map.on("zoomend", () => { if (drifted.size && !groupsDue) setGroups(); });
    note(drawn);
    return {
      reset,
      change(states) { apply(Object.keys(states)); },
      hide(domains) { hidden = new Set(domains); rebuild(); },
      remove() { clearTimeout(marksDue); clearTimeout(groupsDue); },
    };
  }

  cityops.mapStates = { keep, points };
})(window.cityops);
