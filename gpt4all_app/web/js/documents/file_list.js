// The files of a collection, with their states.

import { confirmed } from "../dialogs.js";
import { element, fill, newId } from "../dom.js";
import { bytes, counted, number } from "../format.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { fillKeepingFocus } from "./focus.js";
import { deleteFile } from "./requests.js";
import { visibleName } from "./visible_text.js";

/** Drawn at once: a collection may hold thousands. */
const ROWS = 100;

/** Fewer are seen at one look. */
const FILTERED_FROM = 8;

const STATES = {
  indexed: ["Indexed", "good"],
  waiting: ["Waiting", "unsure"],
  unreadable: ["Unreadable", "bad"],
  skipped: ["Skipped", ""],
};

/** A list that can be narrowed by name; files in trouble and those that wait come first. */
export class FileList {
  #api;
  #collection;
  #onDeleted;
  #files = [];
  #most = ROWS;
  #filter = element("input", {
    type: "search",
    placeholder: "Filter by name",
    "aria-label": "Filter files by name",
  });
  #count = element("p", { class: "hint", role: "status", tabindex: "-1" });
  #failure = element("div", {});
  #rows = element("ul", { class: "files", tabindex: "-1" });
  #more = element("button", { class: "button small", type: "button" });

  /** onDeleted: called when a file was deleted. */
  constructor(api, collection, { onDeleted }) {
    this.#api = api;
    this.#collection = collection;
    this.#onDeleted = onDeleted;
    this.node = element(
      "div",
      { class: "file-list" },
      element("div", { class: "file-list-head" }, this.#filter, this.#count),
      this.#failure,
      this.#rows,
      this.#more,
    );
    this.#filter.addEventListener("input", () => {
      this.#most = ROWS;
      this.#draw();
    });
    this.#more.addEventListener("click", () => {
      const first = this.#rows.children.length;
      this.#most += ROWS;
      this.#draw();
      this.#rows.children[first].focus();
    });
  }

  show(files) {
    const rank = ({ status }) => (status === "indexed" ? 1 : 0);
    this.#files = files.toSorted(
      (one, other) => rank(one) - rank(other) || one.filename.localeCompare(other.filename),
    );
    this.#filter.hidden = files.length < FILTERED_FROM;
    if (this.#filter.hidden) this.#filter.value = "";
    this.#draw();
  }

  #draw() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const found = this.#files.filter(({ filename }) => filename.toLowerCase().includes(wanted));
    const all = counted(this.#files.length, "file");
    this.#count.textContent = wanted ? `${number(found.length)} of ${all}` : all;
    fillKeepingFocus(
      this.#rows,
      found.slice(0, this.#most).map((file) => this.#row(file)),
    );
    this.#more.hidden = found.length <= this.#most;
    this.#more.textContent = `Show ${Math.min(ROWS, found.length - this.#most)} more`;
  }

  #row(file) {
    const name = visibleName(file.filename);
    const [state, colour] = STATES[file.status] ?? [file.status, ""];
    const id = newId("file");
    return element(
      "li",
      { class: "file", tabindex: "-1" },
      element("bdi", { class: "file-name", id }, name),
      element("span", { class: "file-facts hint" }, factsOf(file)),
      element("span", { class: `chip ${colour}` }, state),
      file.kind !== "folder" && this.#deleteButton(file, name, id),
      file.reason && element("p", { class: "file-reason hint" }, visibleName(file.reason)),
    );
  }

  #deleteButton(file, name, describedBy) {
    return element(
      "button",
      {
        class: "icon-button small",
        type: "button",
        "aria-label": "Delete",
        "aria-describedby": describedBy,
        title: "Delete",
        onclick: () => this.#delete(file, name),
      },
      icon("trash"),
    );
  }

  async #delete(file, name) {
    const text = `“${name}” and its ${counted(file.passages, "passage")} go from this collection.`;
    if (!(await confirmed("Delete this file?", text, { action: "Delete file" }))) return;
    fill(this.#failure);
    try {
      await deleteFile(this.#api, this.#collection, file.id);
    } catch (error) {
      fill(this.#failure, errorNotice(error, { title: `${name} was not deleted` }));
      return;
    }
    this.#count.focus(); // the button that had the focus goes
    this.#onDeleted();
  }
}

/** Its size is unknown where it is gone from the disk; the next sync notices. */
function factsOf(file) {
  const facts = [
    file.passages > 0 && counted(file.passages, "passage"),
    file.bytes !== null && bytes(file.bytes),
  ];
  return facts.filter(Boolean).join(" · ");
}
