// One collection: its files, what waits, its index, its map.

import { confirmed } from "../dialogs.js";
import { element, fill } from "../dom.js";
import { counted } from "../format.js";
import { errorNotice } from "../notices.js";
import { FileList } from "./file_list.js";
import { mapState } from "./map_state.js";
import { deleteCollection, listFiles } from "./requests.js";
import { searchPanel } from "./search_panel.js";
import { SyncPanel } from "./sync_panel.js";
import { tabbed } from "./tabs.js";
import { UploadPanel } from "./upload_panel.js";
import { uploadZone } from "./upload_zone.js";
import { visibleName } from "./visible_text.js";

/** A panel for a collection; the elements stay while others are shown, and so does what is under way. */
export class CollectionPanel {
  #api;
  #onChange;
  #hasNews = false;
  #summary = element("p", { class: "hint" });
  #map = element("div", {});
  #failure = element("div", {});
  #unlisted = element("div", {});
  #waiting = element("div", {});
  #asking = new AbortController();
  #zone;
  #uploads;
  #sync;
  #files;

  /** onChange: called when the collection is not as it was; it shows nothing of that before `show`. */
  constructor(api, name, { onChange }) {
    this.#api = api;
    this.name = name;
    this.#onChange = onChange;
    this.#uploads = new UploadPanel(api, name, { onUploaded: () => this.index() });
    this.#sync = new SyncPanel(api, name, { onSynced: () => this.#afterSync() });
    this.#zone = uploadZone({
      onFiles: (chosen) => this.send(chosen),
      onFailure: (error) =>
        fill(this.#failure, errorNotice(error, { title: "What was dropped cannot be read" })),
    });
    this.#files = new FileList(api, name, { onDeleted: () => this.#onChange() });
    this.node = element(
      "section",
      { class: "collection-panel", "aria-label": visibleName(name) },
      this.#header(),
      this.#failure,
      tabbed("Parts of the collection", [
        { label: "Files", panel: this.#filesPart() },
        { label: "Search", panel: searchPanel(api, name) },
      ]),
    );
  }

  /** collection: as the server tells it. Asks for the files, too; the last call counts. */
  async show(collection) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#summary.textContent = [
      counted(collection.documents, "document"),
      counted(collection.passages, "passage"),
      ...collection.folders
        .filter(({ kind }) => kind === "folder")
        .map(({ name }) => `folder ${visibleName(name)}`),
    ].join(" · ");
    fill(
      this.#map,
      collection.passages > 0 && mapState(this.#api, collection, { onDrawn: () => this.#onChange() }),
    );
    if (collection.status === "syncing") this.#sync.start();
    try {
      const files = await listFiles(this.#api, this.name, { signal });
      this.#files.show(files);
      this.#zone.classList.toggle("is-compact", files.length > 0);
      this.#showWaiting(files.filter(({ status }) => status === "waiting").length);
      fill(this.#unlisted);
    } catch (error) {
      if (signal.aborted) return;
      fill(
        this.#unlisted,
        errorNotice(error, { title: "The files cannot be listed", retry: () => this.show(collection) }),
      );
    }
  }

  /** chosen: what `dropped_files` gives. */
  async send(chosen) {
    if (this.#uploads.isBusy) {
      const error = new Error("Wait for the upload that runs, or cancel it.");
      fill(this.#failure, errorNotice(error, { title: "One upload at a time" }));
      return;
    }
    fill(this.#failure);
    await this.#uploads.send(chosen);
  }

  /** Bring the index up to date. */
  index() {
    // What arrives while a sync runs may have been passed by it.
    this.#hasNews = this.#sync.isBusy;
    if (this.#waiting.contains(document.activeElement)) this.#sync.node.focus();
    fill(this.#waiting);
    this.#sync.start();
    this.#onChange();
  }

  /** Hear no more of a sync until `show`: browsers keep few connections. An upload goes on. */
  hide() {
    this.#sync.close();
  }

  /** End what is under way here; a sync goes on in the server. */
  close() {
    this.#uploads.cancel();
    this.#sync.close();
  }

  #header() {
    return element(
      "header",
      { class: "collection-header" },
      element("div", {}, element("h2", {}, element("bdi", {}, visibleName(this.name))), this.#summary),
      element(
        "div",
        { class: "collection-actions" },
        this.#map,
        element(
          "button",
          { class: "button small", type: "button", onclick: () => this.index() },
          "Look for changes",
        ),
        element(
          "button",
          { class: "button small danger", type: "button", onclick: () => this.#delete() },
          "Delete",
        ),
      ),
    );
  }

  #filesPart() {
    return [this.#zone, this.#uploads.node, this.#sync.node, this.#waiting, this.#unlisted, this.#files.node];
  }

  #showWaiting(count) {
    const isShown = count > 0 && !this.#sync.isBusy && !this.#uploads.isBusy;
    const verb = count === 1 ? "waits" : "wait";
    fill(
      this.#waiting,
      isShown &&
        element(
          "div",
          { class: "notice waiting" },
          element("p", {}, `${counted(count, "file")} ${verb} to be indexed.`),
          element(
            "button",
            { class: "button small", type: "button", onclick: () => this.index() },
            "Index now",
          ),
        ),
    );
  }

  #afterSync() {
    if (this.#hasNews) this.index();
    else this.#onChange();
  }

  async #delete() {
    const text =
      "Its passages and the files that were uploaded to it are deleted. Folders of this computer stay as they are, and are only forgotten.";
    const title = `Delete “${visibleName(this.name)}”?`;
    if (!(await confirmed(title, text, { action: "Delete collection" }))) return;
    fill(this.#failure);
    this.#uploads.cancel();
    try {
      await deleteCollection(this.#api, this.name);
    } catch (error) {
      fill(this.#failure, errorNotice(error, { title: "It was not deleted" }));
      return;
    }
    this.#onChange();
  }
}
