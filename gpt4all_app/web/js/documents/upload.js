// Sending files to a collection, a few at a time.

import { uploadFiles } from "./requests.js";

// Small batches tell early which files were refused, and a cancelled upload loses little.
const BATCH_FILES = 16;
const BATCH_BYTES = 4_000_000;

/**
 * The way of some files to the server.
 *
 * After `run`, whether it was left by an error or not: `uploaded` counts, `refused` holds `{name, says}`,
 * and `left` the files that were not sent, for another upload.
 */
export class Upload {
  filesDone = 0;
  bytesDone = 0;
  uploaded = 0;
  refused = [];

  /** files: `{path, file}`. */
  constructor(api, collection, files) {
    this.api = api;
    this.collection = collection;
    this.left = files;
    this.filesTotal = files.length;
    this.bytesTotal = bytesOf(files);
  }

  get share() {
    if (this.bytesTotal === 0) return this.filesDone / this.filesTotal;
    return this.bytesDone / this.bytesTotal;
  }

  /** Throws what ended it early: an ApiError, or the signal's AbortError. */
  async run({ onProgress, signal }) {
    while (this.left.length > 0) {
      onProgress(this);
      await this.#send(firstBatch(this.left), signal);
    }
    onProgress(this);
  }

  async #send(batch, signal) {
    let results;
    try {
      results = await uploadFiles(this.api, this.collection, batch, { signal });
    } catch (error) {
      if (error.status !== 413) throw error;
      // One of them is too large: sent one by one the server tells which.
      if (batch.length > 1) {
        for (const file of batch) await this.#send([file], signal);
        return;
      }
      results = [{ status: "refused", reason: error.message }];
    }
    this.#count(batch, results);
  }

  #count(batch, results) {
    for (const [place, { status, reason }] of results.entries()) {
      if (status === "refused") this.refused.push({ name: batch[place].path, says: reason });
      else this.uploaded += 1;
    }
    this.filesDone += batch.length;
    this.bytesDone += bytesOf(batch);
    this.left = this.left.slice(batch.length);
  }
}

/** The first files, as many as go in one request; one at the least. */
function firstBatch(files) {
  let bytes = 0;
  const end = files.findIndex(({ file }, place) => {
    bytes += file.size;
    return place === BATCH_FILES || (place > 0 && bytes > BATCH_BYTES);
  });
  return end === -1 ? files : files.slice(0, end);
}

function bytesOf(files) {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}
