// All points of a map as a table: for those who do not see it, and to find a document on it.

import { visibleName } from "../documents/visible_text.js";
import { element, fill } from "../dom.js";
import { number } from "../format.js";

const ROWS = 50; // at once: thousands would take the browser seconds

/** onGo: called with a point to be shown; onOpen: with one to be read. */
export class PointTable {
  #placed = null;
  #points = [];
  #first = 0;
  #onGo;
  #onOpen;
  #rows = element("tbody", {});
  #range = element("span", { class: "hint", role: "status" });
  #back = this.#turner("Back", -ROWS);
  #forth = this.#turner("More", ROWS);

  constructor({ onGo, onOpen }) {
    this.#onGo = onGo;
    this.#onOpen = onOpen;
    this.node = element(
      "div",
      { class: "map-panel" },
      element(
        "table",
        { class: "point-table" },
        element("caption", { class: "visually-hidden" }, "The passages of the map that are looked at"),
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ["Document", "Topic", "Passage"].map((name) => element("th", { scope: "col" }, name)),
          ),
        ),
        this.#rows,
      ),
      element("div", { class: "point-turner" }, this.#back, this.#range, this.#forth),
    );
  }

  /** points: those that are looked at, in order; null is all. */
  show(placed, points = null) {
    this.#placed = placed;
    this.#points = points ?? Array.from({ length: placed.count }, (_, point) => point);
    this.#first = 0;
    this.#draw();
  }

  #draw() {
    const shown = this.#points.slice(this.#first, this.#first + ROWS);
    fill(
      this.#rows,
      shown.map((point, place) => this.#row(point, this.#first + place + 1)),
    );
    const total = number(this.#points.length);
    this.#range.textContent = shown.length
      ? `${number(this.#first + 1)}–${number(this.#first + shown.length)} of ${total}`
      : "None";
    this.#back.disabled = this.#first === 0;
    this.#forth.disabled = this.#first + ROWS >= this.#points.length;
  }

  #row(point, place) {
    const name = visibleName(this.#placed.fileNameOf(point));
    return element(
      "tr",
      {},
      element("td", {}, element("bdi", {}, name)),
      element("td", {}, this.#placed.topicAt(point)?.label ?? "none"),
      element(
        "td",
        { class: "point-actions" },
        button("Show", `Show passage ${place}, of ${name}, on the map`, () => this.#onGo([point])),
        button("Read", `Read passage ${place}, of ${name}`, () => this.#onOpen(point)),
      ),
    );
  }

  #turner(label, step) {
    return element(
      "button",
      {
        class: "button small",
        type: "button",
        onclick: () => {
          this.#first = Math.max(this.#first + step, 0);
          this.#draw();
        },
      },
      label,
    );
  }
}

function button(label, name, onclick) {
  return element("button", { class: "button small quiet", type: "button", "aria-label": name, onclick }, label);
}
