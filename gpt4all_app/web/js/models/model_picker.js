// Choosing a model, with what it takes and what its licence lets one do.

import { showDialog, titledDialog } from "../dialogs.js";
import { element, fill, newId } from "../dom.js";
import { icon } from "../icons.js";
import { abilities, commercialUse, modelFacts } from "./served_models.js";

/**
 * A button that names the chosen model and opens the list of all.
 *
 * onChange: called with the model that was chosen. label: what the choice is for, for screen readers.
 */
export function modelPicker(models, { selected, onChange, label = "Model" }) {
  let chosen = selected;
  const name = element("span", { class: "model-name" });
  const button = element(
    "button",
    { class: "button model-button", type: "button", "aria-haspopup": "dialog" },
    icon("model"),
    name,
    icon("down"),
  );
  const show = () => {
    fill(name, chosen.id);
    button.setAttribute("aria-label", `${label}: ${chosen.id}`);
  };
  button.addEventListener("click", () =>
    openList(models, chosen, (model) => {
      chosen = model;
      show();
      onChange(model);
    }),
  );
  show();
  return button;
}

function openList(models, chosen, choose) {
  const group = newId("models");
  const dialog = titledDialog(
    "Choose a model",
    {},
    element(
      "div",
      { class: "model-list", role: "radiogroup", "aria-label": "Models" },
      models.map((model) => modelCard(model, { group, isChosen: model === chosen, choose })),
    ),
    element(
      "p",
      { class: "hint" },
      "All of them run on the machine of this server. More: gpt4all models list --all",
    ),
    element(
      "div",
      { class: "dialog-actions" },
      element("button", { class: "button primary", type: "button", onclick: () => dialog.close() }, "Done"),
    ),
  );
  showDialog(dialog);
  dialog.querySelector("input:checked")?.focus();
}

function modelCard(model, { group, isChosen, choose }) {
  const facts = newId("facts");
  return element(
    "div",
    { class: "model-card" },
    element(
      "label",
      {},
      element("input", {
        type: "radio",
        name: group,
        checked: isChosen,
        "aria-describedby": facts,
        onchange: () => choose(model),
      }),
      element("span", { class: "model-name" }, model.id),
    ),
    element("div", { id: facts }, modelChips(model), factList(model)),
  );
}

function modelChips(model) {
  const use = commercialUse(model);
  return element(
    "div",
    { class: "chips" },
    element("span", { class: `chip ${use.kind}` }, use.text),
    abilities(model).map((ability) => element("span", { class: "chip" }, ability)),
  );
}

function factList(model) {
  return element(
    "dl",
    { class: "facts" },
    modelFacts(model).map(([label, value]) =>
      element("div", {}, element("dt", {}, label), element("dd", {}, value)),
    ),
  );
}
