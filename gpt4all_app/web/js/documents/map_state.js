// What is known of a collection's map, and the way to it.

import { announce } from "../announcer.js";
import { element, fill } from "../dom.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { makeMap } from "./requests.js";

/** A link to the map, and a button that draws it where it is missing or older than the documents. */
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
  return element(
    "div",
    { class: "map-state" },
    collection.map !== "missing" &&
      element(
        "a",
        { class: "button small", href: `#/map/${encodeURIComponent(collection.id)}` },
        icon("map"),
        collection.map === "outdated" ? "Older map" : "Map",
      ),
    says && element("button", { class: "button small", type: "button", onclick: draw }, says),
    failure,
  );
}
