// What is known of a collection's map, and the way to it.

import { announce } from "../announcer.js";
import { element, fill } from "../dom.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { makeMap, readCollection } from "./requests.js";

const BETWEEN_LOOKS_MS = 2000;

/**
 * A link to the map, and a button that draws it where it is missing or older than the documents. While the
 * server draws it after a sync it says so, and looks again until it is there.
 */
export function mapState(api, collection, { onDrawn }) {
  const failure = element("div", {});

  async function draw(event) {
    const button = event.currentTarget;
    button.disabled = true;
    button.textContent = "Drawing …";
    fill(failure);
    try {
      await makeMap(api, collection.id);
    } catch (error) {
      button.disabled = false;
      button.textContent = says;
      fill(failure, errorNotice(error, { title: "The map was not drawn" }));
      return;
    }
    announce("The map was drawn");
    onDrawn();
  }

  const says = { missing: "Draw map", outdated: "Draw map again" }[collection.map];
  const state = element(
    "div",
    { class: "map-state" },
    collection.map === "drawing" && element("span", { class: "hint" }, "Drawing the map …"),
    (collection.map === "ready" || collection.map === "outdated") &&
      element(
        "a",
        { class: "button small", href: `#/map/${encodeURIComponent(collection.id)}` },
        icon("map"),
        collection.map === "outdated" ? "Older map" : "Map",
      ),
    says && element("button", { class: "button small", type: "button", onclick: draw }, says),
    failure,
  );
  if (collection.map === "drawing") setTimeout(lookAgain, BETWEEN_LOOKS_MS);
  return state;

  async function lookAgain() {
    if (!state.isConnected) return;
    let found = collection;
    try {
      found = await readCollection(api, collection.id);
    } catch {
      // The page says elsewhere that the server is gone or the collection deleted.
    }
    state.replaceWith(mapState(api, found, { onDrawn }));
  }
}
