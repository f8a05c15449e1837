// What a point of the map is: the file, and how the passage begins.

import { readPassage } from "../documents/requests.js";
import { unforcedText, visibleName } from "../documents/visible_text.js";
import { element, fill } from "../dom.js";

const PATIENCE_MS = 120; // a pointer that only passes by asks for nothing
const MOST_KEPT = 200; // passages that were read already
const LONGEST = 260; // characters of a beginning

/** A card beside a point. onOpen: called with the point when its button is pressed. */
export class PassageCard {
  #api;
  #placed = null;
  #point = null;
  #texts = new Map();
  #waiting = null;
  #text = element("p", { class: "map-card-text", dir: "auto" });
  #head = element("p", { class: "map-card-head" });

  constructor(api, { onOpen }) {
    this.#api = api;
    const open = element(
      "button",
      { class: "button small", type: "button", onclick: () => onOpen(this.#point) },
      "Read the passage",
    );
    this.node = element("div", { class: "map-card", hidden: true }, this.#head, this.#text, open);
  }

  /** Passages of another map. */
  reset(placed) {
    this.#placed = placed;
    this.#texts.clear();
    this.show(null);
  }

  /** Stand beside a point, which is at this place of the stage; null hides the card. */
  show(point, place) {
    this.node.hidden = point === null;
    if (point === null) {
      this.#point = null;
      clearTimeout(this.#waiting);
      return;
    }
    if (point !== this.#point) this.#fill(point);
    this.#stand(place);
  }

  #fill(point) {
    this.#point = point;
    const topic = this.#placed.topicAt(point);
    fill(
      this.#head,
      element("bdi", { class: "map-card-name" }, visibleName(this.#placed.fileNameOf(point))),
      topic && element("span", { class: "hint" }, ` ${topic.label}`),
    );
    const known = this.#texts.get(point);
    this.#text.textContent = known ?? "…";
    clearTimeout(this.#waiting);
    if (known === undefined) this.#waiting = setTimeout(() => this.#read(point), PATIENCE_MS);
  }

  async #read(point) {
    let text;
    try {
      text = beginningOf(await readPassage(this.#api, this.#placed.passageIds[point]));
    } catch (error) {
      text = error.message;
    }
    if (this.#texts.size === MOST_KEPT) this.#texts.delete(this.#texts.keys().next().value);
    this.#texts.set(point, text);
    if (point === this.#point) this.#text.textContent = text;
  }

  #stand({ x, y }) {
    const { clientWidth: width, clientHeight: height } = this.node.parentElement;
    const { offsetWidth: across, offsetHeight: down } = this.node;
    const isBelow = y + 14 + down < height || y < down + 14;
    const left = Math.min(Math.max(x - across / 2, 6), Math.max(width - across - 6, 6));
    const top = isBelow ? y + 14 : y - down - 14;
    this.node.style.transform = `translate(${left}px, ${Math.min(Math.max(top, 6), Math.max(height - down - 6, 6))}px)`;
  }
}

/** The first lines of a passage in one. */
export function beginningOf({ text }) {
  const line = unforcedText(text).replace(/\s+/gu, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)} …` : line;
}
