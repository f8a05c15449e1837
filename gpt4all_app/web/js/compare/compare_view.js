// Two models, one prompt: an experiment without code.

import { announce } from "../announcer.js";
import { followAnswer } from "../answer.js";
import { chatRequest } from "../chat_request.js";
import { collectionPicker, openPassage } from "../documents/index.js";
import { element, fill, newId } from "../dom.js";
import { icon } from "../icons.js";
import { chatModels, chosenModel, NO_MODEL } from "../models/served_models.js";
import { errorNotice } from "../notices.js";
import { samplingSettings } from "../settings/sampling.js";
import { settingsButton } from "../settings/settings_button.js";
import { showResults } from "./results.js";
import { Side } from "./side.js";

/** The view of comparisons. */
export function compareView(api) {
  return new Comparison(api).element;
}

class Comparison {
  #api;
  #sides;
  #runs = [];
  #collections = [];
  #controller = null;
  #prompt;
  #isFair = element("input", { type: "checkbox", checked: true });
  #start = element("button", { class: "button primary", type: "submit", disabled: true }, "Compare");
  #stop = element(
    "button",
    { class: "button", type: "button", hidden: true, onclick: () => this.#controller?.abort() },
    icon("stop"),
    "Stop",
  );
  #notices = element("div");
  #results = element("div");

  constructor(api) {
    this.#api = api;
    this.#sides = ["Left", "Right"].map(
      (name) => new Side(name, { onCitation: (reference) => openPassage(api, reference) }),
    );
    const id = newId("prompt");
    this.#prompt = element("textarea", { id, rows: "3", required: true, placeholder: "What both are asked" });
    const picker = collectionPicker(api, {
      selected: [],
      onChange: (names) => {
        this.#collections = names;
      },
    });
    this.element = element(
      "div",
      { class: "compare" },
      element(
        "div",
        { class: "view-header" },
        element("h1", {}, "Compare two models"),
        element("span", { class: "spacer" }),
        settingsButton(),
      ),
      this.#form(id, picker),
      this.#notices,
      element(
        "div",
        { class: "sides" },
        this.#sides.map((side) => side.element),
      ),
      this.#results,
    );
    this.#loadModels();
  }

  #form(id, picker) {
    const form = element(
      "form",
      { class: "compare-form card" },
      element("div", { class: "field" }, element("label", { for: id }, "Prompt"), this.#prompt),
      element(
        "label",
        { class: "check" },
        this.#isFair,
        element(
          "span",
          {},
          "One after the other ",
          element(
            "span",
            { class: "hint" },
            "Each is loaded first and has the processor to itself, so that the times can be compared.",
          ),
        ),
      ),
      element(
        "div",
        { class: "compare-actions" },
        picker,
        element("span", { class: "spacer" }),
        this.#stop,
        this.#start,
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#compare();
    });
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
      if (event.key === "Escape") this.#controller?.abort();
    });
    return form;
  }

  async #loadModels() {
    try {
      const models = await chatModels(this.#api);
      const first = chosenModel(models);
      if (!first) throw new Error(NO_MODEL);
      const second = models.find((model) => model !== first) ?? first;
      this.#sides[0].offer(models, first);
      this.#sides[1].offer(models, second);
      this.#start.disabled = false;
      fill(
        this.#notices,
        first === second &&
          element(
            "p",
            { class: "notice" },
            "This server has one model; give the sides two temperatures, or serve more models: gpt4all models recommend",
          ),
      );
    } catch (error) {
      fill(
        this.#notices,
        errorNotice(error, { title: "The models are not known", retry: () => this.#loadModels() }),
      );
    }
  }

  async #compare() {
    if (this.#controller) return;
    let requests;
    try {
      requests = this.#sides.map((side) => this.#request(side));
    } catch (error) {
      fill(this.#notices, errorNotice(error, { title: "Not started" }));
      return;
    }
    fill(this.#notices);
    this.#busy(new AbortController());
    const isFair = this.#isFair.checked;
    const run = {
      time: new Date().toISOString(),
      prompt: this.#prompt.value.trim(),
      system: samplingSettings().system,
      collections: this.#collections,
      isFair,
      results: await this.#answers(requests, { isFair, signal: this.#controller.signal }),
    };
    this.#runs.push(run);
    showResults(this.#results, this.#runs);
    this.#busy(null);
    announce(
      run.results
        .map(({ model, answer, error }) => `${model}: ${answer ? answer.text : error.message}`)
        .join(". "),
    );
  }

  async #answers(requests, { isFair, signal }) {
    const ask = (side, index) => this.#answer(side, requests[index], { isFair, signal });
    if (!isFair) return Promise.all(this.#sides.map(ask));
    this.#sides[1].wait("Waits for the other side…");
    const results = [];
    for (const [index, side] of this.#sides.entries()) results.push(await ask(side, index));
    return results;
  }

  async #answer(side, request, { isFair, signal }) {
    const result = {
      side: side.name.toLowerCase(),
      model: request.model,
      request,
      answer: null,
      error: null,
    };
    try {
      if (isFair) {
        side.wait("Loading the model…");
        await this.#load(request.model, signal);
      }
      side.wait("Reading the prompt…");
      result.answer = await followAnswer(this.#api, request, {
        signal,
        onChange: (answer) => side.grow(answer),
      });
    } catch (error) {
      result.error = signal.aborted ? new Error("It was stopped before it began.") : error;
    }
    side.finish(result);
    return result;
  }

  /** Have a model in memory before its time is taken: a token of an answer does that. */
  async #load(model, signal) {
    const body = { model, messages: [{ role: "user", content: "Hello" }], max_tokens: 1 };
    await this.#api.post("/v1/chat/completions", body, { signal });
  }

  #request(side) {
    const said = [{ role: "user", content: this.#prompt.value.trim() }];
    const settings = samplingSettings();
    const request = chatRequest({ model: side.model.id, said, collections: this.#collections, settings });
    return { ...request, ...side.ownSettings };
  }

  #busy(controller) {
    const hadFocus = [this.#start, this.#stop].includes(document.activeElement);
    this.#controller = controller;
    this.#start.hidden = controller !== null;
    this.#stop.hidden = controller === null;
    if (hadFocus) (controller ? this.#stop : this.#start).focus();
  }
}
