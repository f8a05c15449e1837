// The topics of a map: what its colours mean, and which of them are looked at.

import { element, fill } from "../dom.js";
import { counted, number } from "../format.js";

/** onChoose: called with the set of chosen topics; null where none is, which shows all. */
export class TopicList {
  #chosen = new Set();
  #onChoose;
  #buttons = new Map();
  #list = element("ul", { class: "topic-list" });
  #all = element(
    "button",
    { class: "button small quiet", type: "button", onclick: () => this.clear() },
    "Show all",
  );

  constructor({ onChoose }) {
    this.#onChoose = onChoose;
    this.node = element(
      "div",
      { class: "map-panel" },
      element("p", { class: "hint" }, "Choose topics to look at these alone."),
      this.#list,
      this.#all,
    );
  }

  /** colourOf: the colour of a topic, by its number. */
  show(placed, { colourOf }) {
    this.#chosen.clear();
    this.#buttons = new Map(placed.topics.map((topic) => [topic.id, this.#button(topic, colourOf)]));
    const without = placed.topicOf.reduce((count, topic) => count + (topic < 0 ? 1 : 0), 0);
    fill(
      this.#list,
      [...this.#buttons.values()].map((button) => element("li", {}, button)),
      without > 0 &&
        element("li", { class: "topic-none hint" }, dot(colourOf(-1)), `${counted(without, "passage")} without a topic`),
    );
    this.#tell();
  }

  clear() {
    this.#chosen.clear();
    this.#change();
  }

  #button({ id, label, size }, colourOf) {
    return element(
      "button",
      { class: "topic", type: "button", "aria-pressed": "false", onclick: () => this.#toggle(id) },
      dot(colourOf(id)),
      element("span", { class: "topic-label", dir: "auto" }, label),
      element("span", { class: "hint" }, number(size)),
    );
  }

  #toggle(id) {
    if (!this.#chosen.delete(id)) this.#chosen.add(id);
    this.#change();
  }

  #change() {
    this.#tell();
    this.#onChoose(this.#chosen.size > 0 ? new Set(this.#chosen) : null);
  }

  #tell() {
    for (const [id, button] of this.#buttons) button.setAttribute("aria-pressed", String(this.#chosen.has(id)));
    this.#all.hidden = this.#chosen.size === 0;
  }
}

/** A dot in a topic's colour; its name stands beside it. */
export function dot(colour) {
  const node = element("span", { class: "topic-dot", "aria-hidden": "true" });
  node.style.background = colour;
  return node;
}
