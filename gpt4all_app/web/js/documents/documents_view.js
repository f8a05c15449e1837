// The documents of the server: collections, and the one that is chosen.

import { element, fill } from "../dom.js";
import { counted } from "../format.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { CollectionPanel } from "./collection_panel.js";
import { newCollection } from "./new_collection.js";
import { createCollectionLike, listCollections } from "./requests.js";
import { uploadZone } from "./upload_zone.js";
import { visibleName } from "./visible_text.js";

/** What the first files are put in, where nobody made a collection. */
const FIRST_COLLECTION = "documents";

/** The view `#/documents`; `#/documents/NAME` shows the collection of that name. */
export function documentsView(api) {
  return new DocumentsView(api).node;
}

class DocumentsView {
  #api;
  #collections = [];
  #chosen = null;
  #panels = new Map();
  #refreshes = 0;
  #problem = element("div", {});
  #list = element("ul", { class: "collections" });
  #body = element("div", { class: "documents-body" });

  constructor(api) {
    this.#api = api;
    this.node = element(
      "div",
      { class: "documents" },
      element(
        "header",
        { class: "view-header" },
        element("h1", {}, "Documents"),
        element(
          "button",
          { class: "button", type: "button", onclick: () => this.#create() },
          icon("plus"),
          "New collection",
        ),
      ),
      this.#problem,
      this.#body,
    );
    this.node.addEventListener("shown", () => {
      this.#chosen = placeInAddress().collection ?? this.#chosen;
      this.#refresh();
    });
    refuseOtherDrops();
  }

  /** Ask again what there is; of several at once the last one counts. */
  async #refresh() {
    this.#refreshes += 1;
    const number = this.#refreshes;
    let found;
    try {
      found = await listCollections(this.#api);
    } catch (error) {
      fill(
        this.#problem,
        errorNotice(error, { title: "The collections cannot be listed", retry: () => this.#refresh() }),
      );
      return;
    }
    if (number !== this.#refreshes) return;
    fill(this.#problem);
    this.#collections = found;
    document.dispatchEvent(new CustomEvent("collections-changed"));
    this.#draw();
  }

  #draw() {
    const shown = this.#collections.find(({ id }) => id === this.#chosen) ?? this.#collections[0];
    this.#forgetDeleted();
    if (shown === undefined) {
      if (!this.#body.querySelector(".first-visit")) fill(this.#body, this.#firstVisit());
      return;
    }
    this.#chosen = shown.id;
    fill(
      this.#list,
      this.#collections.map((collection) => this.#row(collection)),
    );
    this.#openPanel(shown.id).show(shown);
  }

  #openPanel(name) {
    if (!this.#panels.has(name)) {
      const onChange = () => this.#refresh();
      this.#panels.set(name, new CollectionPanel(this.#api, name, { onChange }));
    }
    const opened = this.#panels.get(name);
    if (opened.node.isConnected) return opened;
    for (const panel of this.#panels.values()) if (panel !== opened) panel.hide();
    const rail = element("nav", { class: "collections-rail", "aria-label": "Collections" }, this.#list);
    fill(this.#body, rail, opened.node);
    // Another view may be shown: this one is drawn when something ends, too.
    if (placeInAddress().view === "documents") {
      history.replaceState(null, "", `#/documents/${encodeURIComponent(name)}`);
    }
    return opened;
  }

  #forgetDeleted() {
    const known = new Set(this.#collections.map(({ id }) => id));
    for (const [name, panel] of this.#panels) {
      if (known.has(name)) continue;
      panel.close();
      this.#panels.delete(name);
    }
  }

  #row({ id, documents, status }) {
    const isShown = id === this.#chosen;
    return element(
      "li",
      {},
      element(
        "button",
        {
          class: "collection",
          type: "button",
          "aria-current": isShown && "true",
          onclick: () => this.#choose(id),
        },
        element("bdi", { class: "collection-name" }, visibleName(id)),
        element(
          "span",
          { class: "hint" },
          status === "syncing" ? "Indexing …" : counted(documents, "document"),
        ),
      ),
    );
  }

  #choose(name) {
    this.#chosen = name;
    this.#draw();
    this.#list.querySelector("[aria-current]").focus();
  }

  #firstVisit() {
    const problem = element("div", {});
    const failed = (error) => fill(problem, errorNotice(error, { title: "The files were not taken" }));
    const onFiles = async (chosen) => {
      try {
        this.#chosen = (await createCollectionLike(this.#api, FIRST_COLLECTION)).id;
      } catch (error) {
        failed(error);
        return;
      }
      await this.#refresh();
      await this.#panels.get(this.#chosen)?.send(chosen);
    };
    return element(
      "div",
      { class: "first-visit" },
      element("h2", {}, "Ask your own documents"),
      element(
        "p",
        { class: "hint" },
        "Add some, and the models answer from them, with the passages that they rely on. They are kept on the computer that this server runs on.",
      ),
      uploadZone({ onFiles, onFailure: failed }),
      problem,
    );
  }

  async #create() {
    const made = await newCollection(this.#api);
    if (made === null) return;
    this.#chosen = made.id;
    await this.#refresh();
    if (made.folders.some(({ kind }) => kind === "folder")) this.#panels.get(made.id)?.index();
  }
}

/** Files that are dropped beside the place for them would be opened, and the page would be gone. */
function refuseOtherDrops() {
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    });
  }
}

/** `{view, collection}` of the address `#/view/collection`; the second is null where none is named. */
function placeInAddress() {
  const [, view, name] = /^#\/([^/]*)(?:\/(.+))?$/.exec(location.hash) ?? [];
  try {
    return { view, collection: view === "documents" && name ? decodeURIComponent(name) : null };
  } catch {
    return { view, collection: null }; // not written by this page
  }
}
