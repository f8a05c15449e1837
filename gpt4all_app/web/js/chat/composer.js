// Where questions are written.

import { element, newId } from "../dom.js";
import { icon } from "../icons.js";

const MOST_HEIGHT = 0.4; // of the window's

/** A field that grows with its text, with buttons that send it and stop the answer. */
export class Composer {
  #text;
  #send;
  #stop;
  #isBusy = false;

  /** onSend: called with the text. onStop: called when the answer should end. beside: stands by the buttons. */
  constructor({ onSend, onStop, beside }) {
    const id = newId("message");
    this.#text = element("textarea", {
      id,
      rows: "1",
      placeholder: "Ask the model…",
      "aria-describedby": `${id}-keys`,
    });
    this.#send = element(
      "button",
      { class: "button primary round", type: "submit", "aria-label": "Send", title: "Send" },
      icon("send"),
    );
    this.#stop = element(
      "button",
      {
        class: "button round",
        type: "button",
        "aria-label": "Stop the answer",
        title: "Stop (Esc)",
        hidden: true,
        onclick: onStop,
      },
      icon("stop"),
    );
    this.element = element(
      "form",
      { class: "composer" },
      element("label", { class: "visually-hidden", for: id }, "Your message"),
      this.#text,
      element("div", { class: "composer-foot" }, beside, this.#send, this.#stop),
      element(
        "p",
        { class: "visually-hidden", id: `${id}-keys` },
        "Enter sends, Shift and Enter begin a new line, Escape stops the answer.",
      ),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(onSend);
    });
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event, onStop));
    this.#changed();
  }

  /** Whether an answer is under way: then the button stops it. */
  set isBusy(isBusy) {
    const hadFocus = this.element.contains(document.activeElement);
    this.#isBusy = isBusy;
    this.#send.hidden = isBusy;
    this.#stop.hidden = !isBusy;
    if (hadFocus) this.focus(); // the button that had it may be gone
  }

  focus() {
    this.#text.focus();
  }

  /** Have this text there, to be sent or changed. */
  suggest(text) {
    this.#text.value = text;
    this.#changed();
    this.focus();
  }

  #submit(onSend) {
    const text = this.#text.value.trim();
    if (!text || this.#isBusy) return;
    this.#text.value = "";
    this.#changed();
    onSend(text);
  }

  #key(event, onStop) {
    if (event.key === "Escape" && this.#isBusy) onStop();
    // While an input method puts letters together, Enter chooses among them.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.element.requestSubmit();
  }

  #changed() {
    this.#send.disabled = this.#text.value.trim() === "";
    this.#text.style.blockSize = "auto";
    const height = this.#text.scrollHeight;
    if (height === 0) return; // not shown yet: the browser's own height is that of a line
    this.#text.style.blockSize = `${Math.min(height + 2, innerHeight * MOST_HEIGHT)}px`;
  }
}
