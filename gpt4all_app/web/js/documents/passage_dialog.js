// A passage in the page it comes from: what a citation opens.

import { announce } from "../announcer.js";
import { showDialog, titledDialog } from "../dialogs.js";
import { element, fill } from "../dom.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { readPassage } from "./requests.js";
import { piecesOf, quotationSpan, toCodeUnits } from "./text_spans.js";
import { unforcedText, visibleName } from "./visible_text.js";

/**
 * Open the dialog of a passage. Gives a promise that it is closed again.
 *
 * reference: one of an answer's `references`, a passage of `/v1/chunks`, or `{passage_id}`. Its `quote`, if
 * it has one, is marked once more inside the passage.
 */
export function openPassage(api, reference) {
  return new Promise((resolve) => {
    const view = new PassageView(api, reference.quote ?? "");
    view.dialog.addEventListener(
      "close",
      () => {
        view.close();
        resolve();
      },
      { once: true },
    );
    showDialog(view.dialog);
    const id = reference.passage_id ?? reference.id;
    if (id) view.show(id);
    else view.draw(passageOf(reference));
  });
}

/** A reference as a passage, where the index has none that holds it: what it quotes, by itself. */
function passageOf({ document, place, quote }) {
  const span = [0, quote.length]; // counted in code units, and so not too short
  return {
    document,
    place,
    text: quote,
    context: quote,
    context_span: span,
    previous_id: null,
    next_id: null,
  };
}

class PassageView {
  #api;
  #quote;
  #passage = null;
  #loading = new AbortController();
  #place = element("p", { class: "passage-place hint" });
  #text = element("div", { class: "passage-text", dir: "auto", tabindex: "0", role: "region" });
  #previous = this.#turner("Previous", "previous_id");
  #next = this.#turner("Next", "next_id");
  #copy = element(
    "button",
    { class: "button", type: "button", onclick: () => this.#copyText() },
    icon("copy"),
    element("span", {}, "Copy quote"),
  );

  constructor(api, quote) {
    this.#api = api;
    this.#quote = quote;
    this.dialog = titledDialog(
      "Passage",
      {},
      this.#place,
      this.#text,
      element(
        "div",
        { class: "passage-actions" },
        this.#previous,
        this.#next,
        navigator.clipboard && this.#copy, // barred over plain HTTP from another machine
      ),
    );
    this.dialog.classList.add("passage-dialog");
    this.dialog.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Loads a passage and puts it in the place of the one that is shown. */
  async show(passageId) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.#text.setAttribute("aria-busy", "true");
    this.#enable(false);
    try {
      this.draw(await readPassage(this.#api, passageId, { signal }));
    } catch (error) {
      if (signal.aborted) return;
      fill(
        this.#text,
        errorNotice(error, { title: "The passage cannot be shown", retry: () => this.show(passageId) }),
      );
    }
    this.#text.removeAttribute("aria-busy");
  }

  close() {
    this.#loading.abort();
  }

  /** passage: as the server tells it. */
  draw(passage) {
    this.#passage = passage;
    const { context, context_span: span } = passage;
    const name = visibleName(passage.document.filename);
    const place = visibleName(passage.place); // sheets and chapters have names of their documents
    fill(this.dialog.querySelector("h2"), element("bdi", {}, name));
    this.#place.textContent = place || "Whole text";
    this.#text.setAttribute("aria-label", [name, place].filter(Boolean).join(", "));
    const [start, end] = toCodeUnits(context, span);
    const marked = element("mark", { class: "passage" }, this.#marked(context.slice(start, end)));
    fill(this.#text, unforcedText(context.slice(0, start)), marked, unforcedText(context.slice(end)));
    this.#enable(true);
    const goal = this.#text.querySelector("mark.quotation") ?? marked;
    // Not scrollIntoView: it would move the page behind the dialog, too.
    const above = goal.getBoundingClientRect().top - this.#text.getBoundingClientRect().top;
    this.#text.scrollTop += above - this.#text.clientHeight / 4;
    announce([name, place].filter(Boolean).join(", "));
  }

  /** The passage with the quotation in it marked. */
  #marked(text) {
    const quotation = quotationSpan(text, this.#quote);
    // All of the passage is marked already.
    const spans = quotation && quotation[1] - quotation[0] < text.trim().length ? [quotation] : [];
    return piecesOf(text, spans).map((piece) =>
      piece.isMarked
        ? element("mark", { class: "quotation" }, unforcedText(piece.text))
        : unforcedText(piece.text),
    );
  }

  #turner(label, which) {
    const name = which === "next_id" ? "Next passage" : "Previous passage";
    return element(
      "button",
      {
        class: "button",
        type: "button",
        "aria-label": name,
        title: name,
        disabled: true,
        onclick: () => this.#turn(which),
      },
      label,
    );
  }

  #turn(which) {
    const id = this.#passage?.[which];
    if (!id) return;
    this.#quote = ""; // it stands in the passage that was opened
    this.show(id);
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const which = { ArrowLeft: "previous_id", ArrowRight: "next_id" }[event.key];
    if (which === undefined) return;
    event.preventDefault();
    this.#turn(which);
  }

  #enable(isShown) {
    const hadFocus = document.activeElement;
    this.#previous.disabled = !(isShown && this.#passage.previous_id);
    this.#next.disabled = !(isShown && this.#passage.next_id);
    this.#copy.disabled = !isShown;
    // A button that is switched off loses the focus to the page behind the dialog.
    if (hadFocus?.disabled) this.#text.focus();
  }

  async #copyText() {
    const {
      document: { filename },
      place,
      text,
    } = this.#passage;
    const said = this.#quote || text.trim();
    const source = [filename, place].filter(Boolean).join(", ");
    const label = this.#copy.querySelector("span");
    try {
      await navigator.clipboard.writeText(`“${said}” (${source})`);
      label.textContent = "Copied";
      announce("Quote copied");
    } catch {
      label.textContent = "Not allowed here";
      announce("The browser does not let this page copy; select the text and copy it yourself");
    }
    setTimeout(() => {
      label.textContent = "Copy quote";
    }, 2000);
  }
}
