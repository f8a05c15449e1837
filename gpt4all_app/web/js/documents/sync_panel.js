// Bringing a collection's index up to date: how that comes along, and what became of each file.

import { announce } from "../announcer.js";
import { element } from "../dom.js";
import { counted, duration, number } from "../format.js";
import { errorNotice } from "../notices.js";
import { fileReasons } from "./file_reasons.js";
import { fillKeepingFocus } from "./focus.js";
import { stopSync, syncEvents } from "./requests.js";
import { SpokenProgress } from "./spoken_progress.js";
import { visibleName } from "./visible_text.js";
import { workBar } from "./work_bar.js";

const PHASES = {
  wait: "Waiting for another program that writes this index",
  scan: "Looking through the folders",
  hash: "Looking for what changed",
  load: "Reading files",
  embed: "Embedding passages",
  index: "Writing the index",
  map: "Drawing the map",
};

const OUTCOMES = ["added", "updated", "moved", "removed", "unchanged", "skipped", "unreadable"];

/** The syncs of one collection. */
export class SyncPanel {
  #api;
  #collection;
  #onSynced;
  #listening = null;

  /** onSynced: called when a sync ended, however it did. */
  constructor(api, collection, { onSynced }) {
    this.#api = api;
    this.#collection = collection;
    this.#onSynced = onSynced;
    this.node = element("div", { class: "sync-panel", tabindex: "-1" });
  }

  get isBusy() {
    return this.#listening !== null;
  }

  /** Joins the sync that runs already, if one does. */
  async start() {
    if (this.isBusy) return;
    const listening = new AbortController();
    this.#listening = listening;
    const bar = workBar({ label: "Indexing", end: "Stop", onEnd: () => this.#stop() });
    fillKeepingFocus(this.node, bar.node);
    let outcome;
    try {
      const report = await this.#follow(bar, listening.signal);
      outcome = report && reportNotice(report);
      if (report) announce(summaryOf(report));
    } catch (error) {
      outcome = errorNotice(error, { title: "Indexing ended early", retry: () => this.start() });
    }
    if (this.#listening !== listening) return; // `close` was called
    this.#listening = null;
    fillKeepingFocus(this.node, outcome);
    this.#onSynced();
  }

  /** Stop listening; the sync goes on. */
  close() {
    if (!this.isBusy) return;
    this.#listening.abort();
    this.#listening = null;
    fillKeepingFocus(this.node);
  }

  async #follow(bar, signal) {
    const spoken = new SpokenProgress();
    let report = null;
    for await (const { event, data } of syncEvents(this.#api, this.#collection, { signal })) {
      if (event === "report") report = data;
      if (event !== "progress") continue;
      const share = shareOf(data);
      bar.show({ share, says: progressOf(data), file: visibleName(data.file ?? "") });
      spoken.tell(share ?? 0, progressOf(data));
    }
    return report;
  }

  async #stop() {
    try {
      await stopSync(this.#api, this.#collection);
    } catch (error) {
      this.node.append(errorNotice(error, { title: "It was not stopped" }));
    }
  }
}

/** By files, and in the end by passages; null while nobody knows how many there are. */
function shareOf({
  phase,
  files_done: files,
  files_total: allFiles,
  passages_done: passages,
  passages_total: allPassages,
}) {
  if (phase === "index") return allPassages > 0 ? passages / allPassages : null;
  return allFiles > 0 ? files / allFiles : null;
}

function progressOf({ phase, files_done: files, files_total: allFiles, passages_done: passages }) {
  const counts = [];
  if (allFiles > 0) counts.push(`${number(files)} of ${counted(allFiles, "file")}`);
  if (passages > 0) counts.push(counted(passages, "passage"));
  return [PHASES[phase] ?? "Indexing", counts.join(", ")].filter(Boolean).join(": ");
}

function summaryOf(report) {
  const parts = OUTCOMES.filter((name) => report[name] > 0).map((name) => `${number(report[name])} ${name}`);
  const how = report.stopped ? "Stopped after" : "Indexed in";
  return `${how} ${duration(report.seconds * 1000)}: ${parts.join(", ") || "no files"}`;
}

/** Each file that is not in the index is listed with its reason, and each with a part that is not. */
function reportNotice(report) {
  const isMissing = ({ outcome }) => outcome === "unreadable" || outcome === "skipped";
  const told = report.files.filter((file) => isMissing(file) || file.reason || file.notes?.length > 0);
  const inOrder = told.toSorted((one, other) => isMissing(other) - isMissing(one));
  return element(
    "div",
    { class: `notice ${told.some(isMissing) ? "unsure" : ""}` },
    element("p", { class: "notice-title" }, summaryOf(report)),
    told.length > 0 &&
      fileReasons(
        inOrder.map(({ filename, outcome, reason, notes = [] }) => ({
          name: filename,
          state: outcome,
          says: [reason, ...notes].filter(Boolean).join("; "),
        })),
      ),
  );
}
