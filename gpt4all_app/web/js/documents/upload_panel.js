// How an upload comes along, and what was refused.

import { announce } from "../announcer.js";
import { element } from "../dom.js";
import { bytes, counted, number } from "../format.js";
import { errorNotice } from "../notices.js";
import { MOST_FILES } from "./dropped_files.js";
import { fileReasons } from "./file_reasons.js";
import { fillKeepingFocus } from "./focus.js";
import { SpokenProgress } from "./spoken_progress.js";
import { Upload } from "./upload.js";
import { workBar } from "./work_bar.js";

/** Uploads of one collection, one after the other. */
export class UploadPanel {
  #api;
  #collection;
  #onUploaded;
  #running = null;

  /** onUploaded: called when files arrived, also of an upload that was cancelled. */
  constructor(api, collection, { onUploaded }) {
    this.#api = api;
    this.#collection = collection;
    this.#onUploaded = onUploaded;
    this.node = element("div", { class: "upload-panel", tabindex: "-1" });
  }

  get isBusy() {
    return this.#running !== null;
  }

  /** chosen: what `dropped_files` gives. */
  async send({ files, hidden, isCut }) {
    const upload = new Upload(this.#api, this.#collection, files);
    const spoken = new SpokenProgress();
    const stopper = new AbortController();
    this.#running = stopper;
    const bar = workBar({ label: "Uploading", end: "Cancel", onEnd: () => stopper.abort() });
    fillKeepingFocus(this.node, bar.node);
    globalThis.addEventListener("beforeunload", askBeforeLeaving);
    announce(`Uploading ${counted(files.length, "file")}`);
    let problem = null;
    try {
      await upload.run({
        signal: stopper.signal,
        onProgress: () => {
          bar.show({ share: upload.share || null, says: progressOf(upload) });
          spoken.tell(upload.share, progressOf(upload));
        },
      });
    } catch (error) {
      const sendRest = () => this.send({ files: upload.left, hidden: 0, isCut: false });
      problem = unsentNotice(stopper.signal.aborted ? null : error, upload, sendRest);
    }
    this.#running = null;
    globalThis.removeEventListener("beforeunload", askBeforeLeaving);
    fillKeepingFocus(this.node, problem, refusalsNotice(upload.refused), leftOutHint(hidden, isCut));
    announce(outcomeOf(upload));
    if (upload.uploaded > 0) this.#onUploaded();
  }

  cancel() {
    this.#running?.abort();
  }
}

/** The browser asks whether the page may go, and the upload with it. */
function askBeforeLeaving(event) {
  event.preventDefault();
}

function progressOf({ filesDone, filesTotal, bytesDone, bytesTotal }) {
  return `Uploading: ${filesDone} of ${counted(filesTotal, "file")}, ${bytes(bytesDone)} of ${bytes(bytesTotal)}`;
}

function outcomeOf({ uploaded, refused, left }) {
  const parts = [`${counted(uploaded, "file")} uploaded`];
  if (refused.length > 0) parts.push(`${refused.length} refused`);
  if (left.length > 0) parts.push(`${left.length} not sent`);
  return parts.join(", ");
}

function unsentNotice(error, { left }, sendRest) {
  const title = `${counted(left.length, "file")} not sent`;
  if (error !== null) return errorNotice(error, { title, retry: sendRest });
  return element(
    "div",
    { class: "notice" },
    element("p", {}, `Upload cancelled: ${title}.`),
    element("button", { class: "button small", type: "button", onclick: sendRest }, "Send the rest"),
  );
}

function refusalsNotice(refused) {
  if (refused.length === 0) return null;
  const title = `${counted(refused.length, "file")} refused`;
  return element(
    "div",
    { class: "notice bad" },
    element("p", { class: "notice-title" }, title),
    fileReasons(refused),
  );
}

function leftOutHint(hidden, isCut) {
  const notes = [];
  if (hidden > 0) {
    notes.push(`Hidden files and folders were left out: ${number(hidden)}.`);
  }
  if (isCut)
    notes.push(`Only the first ${counted(MOST_FILES, "file")} were taken; add the others after them.`);
  return notes.length > 0 && element("p", { class: "hint" }, notes.join(" "));
}
