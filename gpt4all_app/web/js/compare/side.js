// One side of a comparison: a model, its temperature, and what it says.

import { AnswerView } from "../chat/message_view.js";
import { element, fill, newId } from "../dom.js";
import { modelPicker } from "../models/model_picker.js";
import { errorNotice } from "../notices.js";
import { isPossible, SETTINGS } from "../settings/sampling.js";

const TEMPERATURE = SETTINGS.find(({ name }) => name === "temperature");

/** A column. name: "Left" or "Right". onCitation: called with a reference that somebody wants to read. */
export class Side {
  #picker = element("div");
  #temperature;
  #place = element("div", { class: "side-answer" });
  #onCitation;
  #view = null;
  #frame = 0;

  constructor(name, { onCitation }) {
    this.name = name;
    this.model = null;
    this.#onCitation = onCitation;
    const id = newId("temperature");
    const { min, max, step } = TEMPERATURE;
    this.#temperature = element("input", {
      type: "number",
      id,
      min,
      max,
      step,
      placeholder: "as set",
      inputmode: "decimal",
    });
    this.element = element(
      "section",
      { class: "side card", "aria-label": `${name} side` },
      element(
        "div",
        { class: "side-head" },
        this.#picker,
        element(
          "div",
          { class: "side-temperature" },
          element("label", { class: "hint", for: id }, "Temperature"),
          this.#temperature,
        ),
      ),
      this.#place,
    );
    this.#idle();
  }

  /** Choose among these; the first choice is `model`. */
  offer(models, model) {
    this.model = model;
    fill(
      this.#picker,
      modelPicker(models, {
        selected: model,
        label: `${this.name} model`,
        onChange: (chosen) => {
          this.model = chosen;
        },
      }),
    );
  }

  /** What this side sets otherwise than the settings do. Throws RangeError for what is no temperature. */
  get ownSettings() {
    const text = this.#temperature.value.trim();
    if (text === "" && !this.#temperature.validity.badInput) return {};
    const temperature = Number(text);
    if (text === "" || !isPossible(TEMPERATURE, temperature)) {
      this.#temperature.focus();
      throw new RangeError(
        `The temperature of the ${this.name.toLowerCase()} side goes from ${TEMPERATURE.min} to ${TEMPERATURE.max}.`,
      );
    }
    return { temperature };
  }

  /** Show that an answer is waited for, and why. */
  wait(text) {
    this.#view = new AnswerView({ model: null, onRetry: null, onCitation: this.#onCitation });
    this.#view.wait(text);
    this.#view.grow(null);
    fill(this.#place, this.#view.element);
  }

  /** Show more of the answer, once a picture. */
  grow(answer) {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (answer.totalMs === null) this.#view.grow(answer);
    });
  }

  /** Show how it ended. */
  finish({ answer, error }) {
    if (error) {
      fill(this.#place, errorNotice(error, { title: "There is no answer" }));
      return;
    }
    const { text, thought, references, usage, finish, firstMs, totalMs, state } = answer;
    const statistics = { isStopped: state === "stopped", finish, usage, firstMs, totalMs };
    this.#view.finish({ content: text, thought, references, statistics });
  }

  #idle() {
    fill(this.#place, element("p", { class: "hint" }, "The answer comes here."));
  }
}
