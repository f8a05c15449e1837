// What stands in an empty conversation: who answers, and how one may begin.

import { element } from "../dom.js";
import { commercialUse, modelFacts } from "../models/served_models.js";

const BEGINNINGS = [
  "Explain what a context window is, in three sentences.",
  "Write a short, friendly reminder about an open invoice.",
  "List three ways to use an old laptop.",
];

/** The element. model: who would answer; null while that is not known. suggest: called with a question. */
export function beginning({ model, suggest }) {
  return element(
    "div",
    { class: "empty-state beginning" },
    element("h2", {}, "What would you like to know?"),
    model && element("p", {}, `${model.id} answers, on the machine of this server.`),
    model && element("p", { class: "hint" }, modelLine(model)),
    element(
      "ul",
      { class: "beginnings", "aria-label": "Ways to begin" },
      BEGINNINGS.map((text) =>
        element(
          "li",
          {},
          element("button", { class: "button", type: "button", onclick: () => suggest(text) }, text),
        ),
      ),
    ),
  );
}

function modelLine(model) {
  const facts = modelFacts(model).map(([label, value]) => `${label.toLowerCase()} ${value}`);
  return [...facts, commercialUse(model).text].join(" · ");
}
