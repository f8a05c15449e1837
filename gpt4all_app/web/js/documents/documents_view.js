// The documents of the server: collections, and the one that is chosen.

import { element, fill } from "../dom.js";
import { counted } from "../format.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { CollectionPanel } from "./collection_panel.js";
import { newCollection } from "./new_collection.js";
import { createCollection, listCollections } from "./requests.js";
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
  #panel = null;
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
      this.#body,
    );
    this.node.addEventListener("shown", () => {
      this.#chosen = nameInAddress() ?? this.#chosen;
      this.#refresh();
    });
  }

  async #refresh() {
    try {
      this.#collections = await listCollections(this.#api);
    } catch (error) {
      this.#leavePanel();
      fill(
        this.#body,
        errorNotice(error, { title: "The collections cannot be listed", retry: () => this.#refresh() }),
      );
      return;
    }
    document.dispatchEvent(new CustomEvent("collections-changed"));
    this.#draw();
  }

  #draw() {
    const shown = this.#collections.find(({ id }) => id === this.#chosen) ?? this.#collections[0];
    if (shown === undefined) {
      this.#leavePanel();
      fill(this.#body, this.#firstVisit());
      return;
    }
    this.#chosen = shown.id;
    fill(
      this.#list,
      this.#collections.map((collection) => this.#row(collection)),
    );
    if (this.#panel?.name !== shown.id) this.#openPanel(shown.id);
    this.#panel.show(shown);
  }

  #openPanel(name) {
    this.#leavePanel();
    this.#panel = new CollectionPanel(this.#api, name, { onChange: () => this.#refresh() });
    const rail = element("nav", { class: "collections-rail", "aria-label": "Collections" }, this.#list);
    fill(this.#body, rail, this.#panel.node);
    history.replaceState(null, "", `#/documents/${encodeURIComponent(name)}`);
  }

  #leavePanel() {
    this.#panel?.close();
    this.#panel = null;
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
        this.#chosen = (await createCollection(this.#api, FIRST_COLLECTION)).id;
      } catch (error) {
        failed(error);
        return;
      }
      await this.#refresh();
      await this.#panel?.send(chosen);
    };
    return element(
      "div",
      { class: "first-visit" },
      element("h2", {}, "Ask your own documents"),
      element(
        "p",
        { class: "hint" },
        "Add some, and the models answer from them, with the passages that they rely on. Everything stays on the computer that this server runs on.",
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
  }
}

function nameInAddress() {
  const [, view, name] = /^#\/([^/]*)(?:\/(.+))?$/.exec(location.hash) ?? [];
  if (view !== "documents" || name === undefined) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null; // not written by this page
  }
}
