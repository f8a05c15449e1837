// One message of a conversation: what was asked, or what was answered.

import { tokensPerSecond } from "../answer.js";
import { copyButton } from "../copy_button.js";
import { element, fill, newId } from "../dom.js";
import { counted, duration } from "../format.js";
import { icon } from "../icons.js";
import { MarkdownView } from "../markdown.js";

/** What somebody asked. onEdit: called with other words for it; null where it cannot be changed now. */
export function questionView(message, { onEdit }) {
  const body = [
    element("h2", { class: "visually-hidden" }, "You"),
    element("div", { class: "question-text" }, message.content),
  ];
  const view = element("article", { class: "message question", "aria-label": "You" }, body);
  const edit = () => view.replaceChildren(editor(message.content, { onSave: onEdit, onCancel: restore }));
  const actions = element(
    "div",
    { class: "message-actions" },
    copyButton(() => message.content, "Copy the question"),
    onEdit && iconButton("edit", "Edit the question", edit),
  );
  const restore = () => {
    view.replaceChildren(...body, actions);
    actions.querySelector("button:last-of-type")?.focus();
  };
  view.append(actions);
  return view;
}

function editor(text, { onSave, onCancel }) {
  const id = newId("edit");
  const field = element("textarea", { id, rows: String(Math.min(text.split("\n").length + 1, 12)) }, text);
  const form = element(
    "form",
    { class: "question-editor" },
    element("label", { class: "visually-hidden", for: id }, "The question"),
    field,
    element(
      "div",
      { class: "dialog-actions" },
      element("button", { class: "button small", type: "button", onclick: onCancel }, "Cancel"),
      element("button", { class: "button small primary", type: "submit" }, "Ask again"),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) onSave(field.value.trim());
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") onCancel();
  });
  // Once it is in the page.
  queueMicrotask(() => field.focus());
  return form;
}

/**
 * An answer, whole or growing.
 *
 * onRetry: asks for another one; null where it is not the last. onCitation: called with a reference that
 * somebody wants to read.
 */
export class AnswerView {
  #text = new MarkdownView();
  #thought = element("div", { class: "thought-text" });
  #thoughtLabel = element("span", {}, "Thoughts");
  #thoughts;
  #waiting = element("p", { class: "waiting" });
  #footer = element("div", { class: "message-footer" });
  #onCitation;
  #onRetry;
  #citation = null;

  constructor({ model, onRetry, onCitation }) {
    this.#onRetry = onRetry;
    this.#onCitation = onCitation;
    this.#thoughts = element(
      "details",
      { class: "thoughts", hidden: true },
      element("summary", {}, icon("thought"), this.#thoughtLabel),
      this.#thought,
    );
    this.element = element(
      "article",
      { class: "message answer", "aria-label": model ? `Answer of ${model}` : "Answer" },
      element("h2", { class: model ? "speaker" : "visually-hidden" }, model ?? "Answer"),
      this.#thoughts,
      this.#waiting,
      this.#text.element,
      this.#footer,
    );
  }

  /** Whether somebody reads its thoughts. */
  get isThoughtOpen() {
    return this.#thoughts.open;
  }

  set isThoughtOpen(isOpen) {
    this.#thoughts.open = isOpen;
  }

  /** Show more of an answer that is under way; null before anything came. */
  grow(answer) {
    const isWaiting = !answer?.text && !answer?.thought;
    this.element.setAttribute("aria-busy", "true");
    this.#waiting.hidden = !isWaiting;
    this.#showThought(answer?.thought ?? "", { isThinking: Boolean(answer?.thought) && !answer.text });
    this.#text.update(answer?.text ?? "");
  }

  /** Say what is being waited for. */
  wait(text) {
    fill(this.#waiting, element("span", { class: "dots", "aria-hidden": "true" }), text);
  }

  /** Show the whole answer, with its sources and what it took. */
  finish(message) {
    this.element.removeAttribute("aria-busy");
    this.#waiting.hidden = true;
    this.#showThought(message.thought ?? "", { isThinking: false });
    const references = message.references ?? [];
    this.#citation = (number) => this.#citationButton(references.find((each) => each.number === number));
    this.#text.update(message.content, { citation: references.length > 0 ? this.#citation : null });
    fill(
      this.#footer,
      sources(references, this.#onCitation),
      element(
        "div",
        { class: "message-actions" },
        copyButton(() => message.content, "Copy the answer"),
        this.#onRetry && iconButton("retry", "Ask for another answer", this.#onRetry),
        message.statistics && element("span", { class: "statistics" }, statisticsLine(message.statistics)),
      ),
    );
  }

  #showThought(thought, { isThinking }) {
    this.#thoughts.hidden = !thought;
    this.#thoughtLabel.textContent = isThinking ? "Thinking…" : "Thoughts";
    if (this.#thought.textContent !== thought) this.#thought.textContent = thought;
  }

  #citationButton(reference) {
    if (!reference) return null;
    return element(
      "button",
      {
        class: "citation",
        type: "button",
        title: reference.document.filename,
        "aria-label": `Source ${reference.number}: ${reference.document.filename}`,
        onclick: () => this.#onCitation(reference),
      },
      String(reference.number),
    );
  }
}

function sources(references, onCitation) {
  if (references.length === 0) return null;
  return element(
    "section",
    { class: "sources", "aria-label": "Sources" },
    references.map((reference) =>
      element(
        "button",
        { class: "source", type: "button", onclick: () => onCitation(reference) },
        element("span", { class: "source-number" }, String(reference.number)),
        element(
          "span",
          { class: "source-name" },
          reference.document.filename,
          reference.place && element("span", { class: "hint" }, ` ${reference.place}`),
        ),
      ),
    ),
  );
}

/** What an answer took, in a line. */
function statisticsLine({ isStopped, finish, usage, firstMs, totalMs }) {
  const speed = tokensPerSecond({ usage, firstMs, totalMs });
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  return [
    isStopped && "stopped",
    finish === "length" && "cut off at the most tokens",
    usage && counted(usage.completion_tokens, "token"),
    speed !== null && `${speed.toFixed(1)} a second`,
    firstMs !== null && `first after ${duration(firstMs)}`,
    usage && `prompt ${counted(usage.prompt_tokens, "token")}${cached > 0 ? `, ${cached} remembered` : ""}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function iconButton(picture, label, onclick) {
  return element(
    "button",
    { class: "icon-button small", type: "button", "aria-label": label, title: label, onclick },
    icon(picture),
  );
}
