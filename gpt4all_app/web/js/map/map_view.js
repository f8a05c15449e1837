// The view `#/map`: a collection as a map. `#/map/NAME` shows the collection of that name.

import { listCollections, makeMap, searchPassages } from "../documents/requests.js";
import { element, fill } from "../dom.js";
import { errorNotice } from "../notices.js";
import { visibleName } from "../documents/visible_text.js";
import { MapExplorer } from "./map_explorer.js";
import { PlacedPassages } from "./placed_passages.js";

export function mapView(api) {
  return new MapView(api).node;
}

class MapView {
  #api;
  #name = null;
  #loading = new AbortController();
  #explorer;
  #body = element("div", { class: "map-body" });
  #choice = element("select", { "aria-label": "Collection", onchange: () => this.#choose(this.#choice.value) });

  constructor(api) {
    this.#api = api;
    this.#explorer = new MapExplorer(api, {
      search: (text, options) => searchPassages(api, text, { ...options, collection: this.#name }),
      redraw: () => this.#draw(),
    });
    this.node = element(
      "div",
      { class: "map-view" },
      element("header", { class: "view-header" }, element("h1", {}, "Map"), this.#choice),
      this.#body,
    );
    this.node.addEventListener("shown", () => this.#refresh());
  }

  async #refresh() {
    let collections;
    try {
      collections = await listCollections(this.#api);
    } catch (error) {
      this.#say(errorNotice(error, { title: "The collections cannot be listed", retry: () => this.#refresh() }));
      return;
    }
    const names = collections.map(({ id }) => id);
    fill(
      this.#choice,
      names.map((name) => element("option", { value: name }, visibleName(name))),
    );
    this.#choice.hidden = names.length === 0;
    const wanted = [nameInAddress(), this.#name, names[0]].find((name) => names.includes(name));
    if (wanted === undefined) this.#say(noDocuments());
    else this.#choose(wanted);
  }

  #choose(name) {
    this.#name = name;
    this.#choice.value = name;
    // Another view may be shown by the time that the collections are known.
    if (location.hash.startsWith("#/map")) {
      history.replaceState(null, "", `#/map/${encodeURIComponent(name)}`);
    }
    this.#load();
  }

  async #load() {
    const signal = this.#begin();
    try {
      this.#show(await this.#api.get(addressOf(this.#name), { signal }));
    } catch (error) {
      if (signal.aborted) return;
      if (error.code === "map_missing") this.#say(this.#invitation());
      else this.#say(errorNotice(error, { title: "The map cannot be shown", retry: () => this.#load() }));
    }
  }

  async #draw() {
    const signal = this.#begin();
    this.#say(
      element("h2", {}, "Drawing the map …"),
      element("p", { role: "status" }, "Some seconds; a minute or two for tens of thousands of passages."),
      element("progress", { "aria-label": "Drawing" }),
    );
    try {
      this.#show(await makeMap(this.#api, this.#name, { signal }));
    } catch (error) {
      if (signal.aborted) return;
      this.#say(errorNotice(error, { title: "The map was not drawn", retry: () => this.#draw() }));
    }
  }

  #show(told) {
    fill(this.#body, this.#explorer.node);
    this.#explorer.show(new PlacedPassages(told), { name: visibleName(told.collection) });
  }

  #invitation() {
    return [
      element("h2", {}, "No map yet"),
      element(
        "p",
        {},
        "A map shows every passage as a dot, near those that say something like it, with the topics found among them.",
      ),
      element("button", { class: "button primary", type: "button", onclick: () => this.#draw() }, "Draw the map"),
    ];
  }

  /** Another request takes the place of the one before. */
  #begin() {
    this.#loading.abort();
    this.#loading = new AbortController();
    return this.#loading.signal;
  }

  #say(...nodes) {
    fill(this.#body, element("div", { class: "empty-state" }, nodes));
  }
}

function noDocuments() {
  return [
    element("h2", {}, "Nothing to map"),
    element("p", {}, "Add documents first; their map is drawn with them."),
    element("a", { class: "button primary", href: "#/documents" }, "Add documents"),
  ];
}

const addressOf = (collection) => `/v1/collections/${encodeURIComponent(collection)}/map`;

function nameInAddress() {
  const [, name] = /^#\/map\/(.+)$/.exec(location.hash) ?? [];
  if (name === undefined) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null; // not written by this page
  }
}
