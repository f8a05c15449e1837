// Which model answers: the button that chooses, and what is said while no model is known.

import { element, fill } from "../dom.js";
import { modelPicker } from "../models/model_picker.js";
import { chatModels, chooseModel, chosenModel, NO_MODEL } from "../models/served_models.js";
import { errorNotice } from "../notices.js";

const ASK_AGAIN_MS = 4000;

/** Keeps a session's model; `element` is the button, `notices` tells what is wrong. */
export class ModelChoice {
  #api;
  #session;
  #names = "";
  #timer = 0;

  constructor(api, session) {
    this.#api = api;
    this.#session = session;
    this.element = element(
      "div",
      { class: "chat-models" },
      element("span", { class: "hint" }, "Asking for models…"),
    );
    this.notices = element("div", { class: "chat-notices" });
  }

  /** Ask which models there are, again and again while the server is not there. */
  async load() {
    clearTimeout(this.#timer);
    try {
      this.#offer(await chatModels(this.#api));
    } catch (error) {
      this.#names = "";
      fill(this.element);
      fill(this.notices, errorNotice(error, { title: "The models are not known", retry: () => this.load() }));
      if (error.isUnreachable) this.#timer = setTimeout(() => this.load(), ASK_AGAIN_MS);
    }
  }

  #offer(models) {
    const names = models.map(({ id }) => id).join("\n");
    if (names === this.#names && names !== "") return; // as they were: a button that has the focus keeps it
    this.#names = names;
    const selected = chosenModel(models);
    this.#session.choose(selected);
    const onChange = (model) => {
      chooseModel(model.id);
      this.#session.choose(model);
    };
    fill(this.element, selected && modelPicker(models, { selected, onChange }));
    fill(this.notices, !selected && errorNotice(new Error(NO_MODEL), { title: "No model" }));
  }
}
