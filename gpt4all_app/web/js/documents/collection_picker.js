// Which collections an answer may draw on: a button, and the list that it opens.

import { element, fill, newId } from "../dom.js";
import { counted } from "../format.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { listCollections } from "./requests.js";
import { visibleName } from "./visible_text.js";

/**
 * The picker. None chosen means that the model answers without documents.
 *
 * selected: names of collections. onChange: called with the names that are chosen, whenever they change;
 * also where one that was chosen is gone.
 */
export function collectionPicker(api, { selected = [], onChange }) {
  return new Picker(api, selected, onChange).node;
}

class Picker {
  #api;
  #onChange;
  #chosen;
  #label = element("span", { class: "picker-label" });
  #list = element("div", { class: "picker-list" });
  #panel;
  #button;

  constructor(api, selected, onChange) {
    this.#api = api;
    this.#onChange = onChange;
    this.#chosen = new Set(selected);
    const id = newId("collections");
    this.#panel = element(
      "div",
      {
        class: "picker-panel",
        id,
        popover: "auto",
        role: "group",
        "aria-label": "Collections to answer from",
      },
      this.#list,
      element(
        "a",
        { class: "picker-link", href: "#/documents", onclick: () => this.#panel.hidePopover() },
        "Manage documents",
      ),
    );
    this.#button = element(
      "button",
      { class: "button quiet picker-button", type: "button", popovertarget: id, "aria-haspopup": "true" },
      icon("documents"),
      this.#label,
      icon("down"),
    );
    this.node = element("div", { class: "collection-picker" }, this.#button, this.#panel);
    this.#panel.addEventListener("toggle", ({ newState }) => {
      if (newState === "open") this.#open();
    });
    this.#panel.addEventListener("keydown", (event) => this.#onKey(event));
    this.#panel.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.node.contains(relatedTarget)) this.#panel.hidePopover();
    });
    document.addEventListener("collections-changed", this.#onNews);
    this.#tell();
    if (this.#chosen.size > 0) this.#load();
  }

  async #open() {
    this.#placePanel();
    await this.#load();
    this.#placePanel();
    this.#list.querySelector("input")?.focus();
  }

  /** Of a picker that was taken from the page nobody hears any more. */
  #onNews = () => {
    if (this.node.isConnected) this.#load();
    else document.removeEventListener("collections-changed", this.#onNews);
  };

  async #load() {
    let collections;
    try {
      collections = await listCollections(this.#api);
    } catch (error) {
      fill(
        this.#list,
        errorNotice(error, { title: "The collections cannot be listed", retry: () => this.#load() }),
      );
      return;
    }
    const known = new Set(collections.map(({ id }) => id));
    const gone = [...this.#chosen].filter((name) => !known.has(name));
    for (const name of gone) this.#chosen.delete(name);
    fill(
      this.#list,
      collections.map((collection) => this.#row(collection)),
      collections.length === 0 &&
        element("p", { class: "hint" }, "There is no collection yet. Add documents first."),
    );
    if (gone.length > 0 && this.node.isConnected) this.#change();
  }

  #row({ id, documents, passages }) {
    const box = element("input", { type: "checkbox", checked: this.#chosen.has(id) });
    box.addEventListener("change", () => {
      if (box.checked) this.#chosen.add(id);
      else this.#chosen.delete(id);
      this.#change();
    });
    return element(
      "label",
      { class: "picker-row" },
      box,
      element("bdi", { class: "picker-name" }, visibleName(id)),
      element(
        "span",
        { class: "hint" },
        `${counted(documents, "document")}, ${counted(passages, "passage")}`,
      ),
    );
  }

  #change() {
    this.#tell();
    this.#onChange([...this.#chosen]);
  }

  #tell() {
    const names = [...this.#chosen].map(visibleName);
    this.#label.textContent = names.length > 1 ? `${names.length} collections` : (names[0] ?? "No documents");
    this.#button.setAttribute("aria-label", `Answer from: ${names.join(", ") || "no documents"}`);
    this.#button.classList.toggle("is-chosen", names.length > 0);
  }

  /** Arrows go from box to box, as in a menu; space chooses. */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const stops = [...this.#panel.querySelectorAll("input, a, button")];
    const next = stops.indexOf(document.activeElement) + step;
    stops[(next + stops.length) % stops.length].focus();
  }

  /** Above the button or below it, where there is more room. */
  #placePanel() {
    const button = this.#button.getBoundingClientRect();
    const margin = 8;
    const isAbove = button.top > globalThis.innerHeight - button.bottom;
    const room = (isAbove ? button.top : globalThis.innerHeight - button.bottom) - 2 * margin;
    const { style } = this.#panel;
    style.maxBlockSize = `${room}px`;
    style.top = isAbove ? "auto" : `${button.bottom + margin}px`;
    style.bottom = isAbove ? `${globalThis.innerHeight - button.top + margin}px` : "auto";
    const widest = globalThis.innerWidth - this.#panel.offsetWidth - margin;
    style.left = `${Math.max(margin, Math.min(button.left, widest))}px`;
  }
}
