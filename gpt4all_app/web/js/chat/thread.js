// The messages of the conversation that is shown.

import { element, fill } from "../dom.js";
import { errorNotice } from "../notices.js";
import { AnswerView, questionView } from "./message_view.js";

const NEAR_END_PX = 80;
const LOADING_AFTER_MS = 2500; // a model that is loaded reads a short prompt sooner

/**
 * Follows a session. beginning: gives what stands in the place of messages while there are none.
 * onCitation: called with a reference that somebody wants to read.
 */
export class Thread {
  #session;
  #beginning;
  #onCitation;
  #growing = null;
  #shown = null;
  #frame = 0;
  #loadingTimer = 0;
  #list = element("div", { class: "messages" });

  constructor(session, { beginning, onCitation }) {
    this.#session = session;
    this.#beginning = beginning;
    this.#onCitation = onCitation;
    this.element = element(
      "section",
      { class: "thread", "aria-label": "Conversation", tabindex: "0" },
      this.#list,
    );
    session.addEventListener("conversation", () => this.show());
    session.addEventListener("progress", () => this.#scheduleGrowth());
  }

  /** Show the conversation as it is. */
  show() {
    const { current, running, failure } = this.#session;
    const isEmpty = current.messages.length === 0;
    // Whoever reads further up, or the thoughts, goes on reading when the answer is done.
    const isRead = this.#shown === current && !running && !this.#isAtEnd();
    const place = this.element.scrollTop;
    const hadFocus = this.#list.contains(document.activeElement);
    const isThoughtOpen = this.#shown === current && Boolean(this.#growing?.isThoughtOpen);
    const views = current.messages.map((message, index) =>
      this.#messageView(message, index, { running, isThoughtOpen }),
    );
    clearTimeout(this.#loadingTimer);
    this.#shown = current;
    this.#growing = running && this.#growingView(running);
    fill(
      this.#list,
      isEmpty ? this.#beginning() : views,
      this.#growing?.element,
      !running && this.#unanswered(current, failure),
    );
    if (isRead) this.element.scrollTop = place;
    else this.#toEnd();
    if (hadFocus) this.element.focus(); // the button that had it is gone
  }

  #messageView(message, index, { running, isThoughtOpen }) {
    if (message.role === "user") {
      return questionView(message, { onEdit: running ? null : (text) => this.#session.edit(message, text) });
    }
    const isLast = index === this.#session.current.messages.length - 1;
    const view = new AnswerView({
      model: message.model,
      onRetry: isLast && !running ? () => this.#session.retry() : null,
      onCitation: this.#onCitation,
    });
    view.finish(message);
    view.isThoughtOpen = isLast && isThoughtOpen;
    return view.element;
  }

  #growingView({ model, answer }) {
    const view = new AnswerView({ model, onRetry: null, onCitation: this.#onCitation });
    view.wait("Reading the question…");
    view.grow(answer);
    this.#loadingTimer = setTimeout(
      () => view.wait("Still at it: a model that is asked for the first time is loaded now."),
      LOADING_AFTER_MS,
    );
    return view;
  }

  /** What stands after a question that nothing answers. */
  #unanswered(conversation, failure) {
    if (conversation.messages.at(-1)?.role !== "user") return null;
    const retry = () => this.#session.retry();
    if (failure) return errorNotice(failure, { title: "There is no answer", retry });
    return element(
      "div",
      { class: "notice" },
      element("p", {}, "This question was not answered."),
      element("button", { class: "button small", type: "button", onclick: retry }, "Ask it again"),
    );
  }

  /** Draw what came since the last picture: once a picture, however many tokens come. */
  #scheduleGrowth() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const { running } = this.#session;
      if (!running || !this.#growing) return;
      const isAtEnd = this.#isAtEnd();
      this.#growing.grow(running.answer);
      if (isAtEnd) this.#toEnd();
    });
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }
}
