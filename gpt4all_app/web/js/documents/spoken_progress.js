// How work that takes minutes is told to screen readers.

import { announce } from "../announcer.js";

/** Speaks once for each quarter of the work: every event spoken would leave no time for anything else. */
export class SpokenProgress {
  #quarter = 0;

  /** share: 0 to 1, how much is done. */
  tell(share, text) {
    const quarter = Math.floor(share * 4);
    if (quarter < this.#quarter) this.#quarter = quarter; // other work began
    if (quarter <= this.#quarter || quarter === 4) return; // the end is told by who sees it
    this.#quarter = quarter;
    announce(text);
  }
}
