/* The search on the overview: a combobox (WAI-ARIA 1.2, list autocomplete) over /api/v1/search. */
window.cityops = window.cityops || {};
(function (cityops) {
  "use strict";
  const PAUSE_MS = 120;
  const LIST = "overview-search-list";

  function mount(onChoose) {
    const place = document.getElementById("overview-search");
    if (!place) return () => {};
    const { element, text, settings } = cityops.format;
    const box = element("input", "search__box");
    const list = element("ul", "search__list");
    const said = element("p", "unseen");
    let found = [];
    let active = -1;
    let pause = 0;
    let turn = 0;

    Object.assign(box, { type: "text", id: "overview-search-box", autocomplete: "off", spellcheck: false, placeholder: text("search_hint") });
    const marks = { role: "combobox", "aria-label": text("search"), "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": LIST, "aria-keyshortcuts": "/" };
    for (const [name, value] of Object.entries(marks)) box.setAttribute(name, value);
    list.id = LIST;
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", text("search"));
    said.setAttribute("role", "status");
    place.replaceChildren(element("span", "search__sign"), box, element("kbd", "search__key", "/"), list, said);

    function later() {
      clearTimeout(pause);
      pause = setTimeout(ask, PAUSE_MS);
    }

    async function ask() {
      const query = box.value.trim();
      const mine = ++turn;
      if (!query) { close(); said.textContent = ""; return; }
      let answer = [];
      try {
        const got = await fetch("/api/v1/search?q=" + encodeURIComponent(query.slice(0, 80)));
        if (!got.ok) throw new Error(got.status);
        answer = await got.json();
      } catch (error) {
        if (mine === turn) tell("unreachable");
        return;
      }
      if (mine !== turn) return; // a later question is on its way
      found = answer;
      active = found.length ? 0 : -1;
      if (!found.length) { tell("nothing_found"); return; }
      list.replaceChildren(...found.map(option));
      open();
      mark();
      said.textContent = text("places_found", { count: found.length });
    }

    function tell(key) {
      found = [];
      active = -1;
      const none = element("li", "search__none", text(key));
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      list.replaceChildren(none);
      open();
      mark();
      said.textContent = text(key);
    }

    function option(item, index) {
      const lang = settings().lang;
      const kind = text("place_" + item.kind);
      const within = item.within[lang];
      const row = element("li", "search__item",
        element("span", "search__kind search__kind--" + item.kind),
        element("span", "search__name", item.name[lang] || item.key),
        element("span", "search__facts", within ? `${kind} · ${within}` : kind));
      row.id = `${LIST}-${index}`;
      row.setAttribute("role", "option");
      row.dataset.key = item.key;
      return row;
    }

    function open() { list.hidden = false; box.setAttribute("aria-expanded", "true"); }

    function close() {
      turn += 1; // what is still on its way comes too late
      clearTimeout(pause);
      list.hidden = true;
      active = -1;
      box.setAttribute("aria-expanded", "false");
      box.removeAttribute("aria-activedescendant");
    }

    function mark() {
      [...list.children].forEach((row, index) => { if (found.length) row.setAttribute("aria-selected", String(index === active)); });
      if (active < 0) { box.removeAttribute("aria-activedescendant"); return; }
      box.setAttribute("aria-activedescendant", `${LIST}-${active}`);
      list.children[active].scrollIntoView({ block: "nearest" });
    }

    function choose(index) {
      const item = found[index];
      if (!item) return;
      box.value = item.name[settings().lang] || item.key;
      close();
      onChoose(item);
    }

    function key(event) {
      const shown = !list.hidden && found.length;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (!shown) { ask(); return; }
        active = (active + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length;
        mark();
      } else if (event.key === "Enter" && shown) {
        event.preventDefault();
        choose(active);
      } else if (event.key === "Escape" && (!list.hidden || box.value)) {
        event.preventDefault(); // the drawer stays
        if (list.hidden) { box.value = ""; box.blur(); }
        close();
      }
    }

    /* "/" goes to the search, unless it is typed into something. */
    function slash(event) {
      const at = event.target;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName)) return;
      event.preventDefault();
      box.focus();
      box.select();
    }

    box.addEventListener("input", later);
    box.addEventListener("keydown", key);
    box.addEventListener("blur", close);
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
    list.addEventListener("click", (event) => {
      const row = event.target.closest(".search__item");
      if (row) choose([...list.children].indexOf(row));
    });
    document.addEventListener("keydown", slash);
    return () => { clearTimeout(pause); document.removeEventListener("keydown", slash); };
  }

  cityops.search = { mount };
})(window.cityops);
