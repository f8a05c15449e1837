// The sheet at the side in which answers are set.

import { announce } from "../announcer.js";
import { showDialog, titledDialog } from "../dialogs.js";
import { element, newId } from "../dom.js";
import { icon } from "../icons.js";
import { ANSWER_MODES, isPossible, keepSampling, samplingSettings, SETTINGS } from "./sampling.js";

/** Open the sheet; each change is kept at once. */
export function openSettings() {
  const settings = samplingSettings();
  const changed = () => keepSampling(settings);
  const rows = SETTINGS.map((setting) => settingRow(setting, settings, changed));
  const system = systemPrompt(settings, changed);
  const mode = answerMode(settings, changed);
  const resetAll = () => {
    for (const row of [system, mode, ...rows]) row.reset();
    announce("All settings are as they were at first");
  };
  showDialog(
    titledDialog(
      "Settings of answers",
      { kind: "sheet" },
      element(
        "p",
        { class: "hint" },
        "They are kept in this browser and hold for all that is asked from now on.",
      ),
      system.element,
      mode.element,
      rows.map((row) => row.element),
      element(
        "div",
        { class: "dialog-actions" },
        element("button", { class: "button", type: "button", onclick: resetAll }, icon("retry"), "Reset all"),
      ),
    ),
  );
}

function systemPrompt(settings, changed) {
  const text = element("textarea", { rows: "4" }, settings.system);
  const set = (value) => {
    settings.system = value;
    changed();
  };
  text.addEventListener("input", () => set(text.value));
  const reset = () => {
    text.value = "";
    set("");
  };
  const meaning = "What the model is told before every conversation: who it is, how it should answer.";
  return { reset, element: labelled("System prompt", meaning, text) };
}

function answerMode(settings, changed) {
  const select = element(
    "select",
    {},
    ANSWER_MODES.map(([mode, label]) =>
      element("option", { value: mode ?? "", selected: mode === settings.answer_mode }, label),
    ),
  );
  const set = (mode) => {
    settings.answer_mode = mode;
    changed();
  };
  select.addEventListener("change", () => set(select.value || null));
  const reset = () => {
    select.value = "";
    set(null);
  };
  const meaning = "A quotation cannot be made up; written answers read better, and need a better model.";
  return { reset, element: labelled("Answers from documents", meaning, select) };
}

function settingRow(setting, settings, changed) {
  const { name, label, meaning, unset, min, max, step } = setting;
  const shared = { min, max, step };
  const input = element("input", { type: "number", placeholder: unset, inputmode: "decimal", ...shared });
  const slider =
    max === null ? null : element("input", { type: "range", "aria-label": `${label}, slider`, ...shared });
  const button = element(
    "button",
    { class: "icon-button small", type: "button", "aria-label": `Reset ${label}`, title: "Reset" },
    icon("retry"),
  );
  const show = () => {
    input.value = settings[name] ?? "";
    if (slider) slider.value = settings[name];
    button.hidden = settings[name] === setting.default;
  };
  const set = (text) => {
    const value = text.trim() === "" ? setting.default : Number(text);
    const isGood = isPossible(setting, value);
    input.setAttribute("aria-invalid", String(!isGood));
    if (!isGood) return;
    settings[name] = value;
    if (slider) slider.value = value;
    button.hidden = value === setting.default;
    changed();
  };
  const reset = () => {
    set("");
    show();
  };
  input.addEventListener("input", () => set(input.value));
  input.addEventListener("change", show); // what was impossible goes back to what holds
  input.addEventListener("change", () => input.setAttribute("aria-invalid", "false"));
  if (slider) {
    slider.addEventListener("input", () => {
      set(slider.value);
      show();
    });
  }
  button.addEventListener("click", () => {
    reset();
    input.focus(); // the button is gone now
  });
  show();
  return { reset, element: labelled(label, meaning, input, { slider, button }) };
}

/** A control under its label and what it means, with a slider beside it and a button at the label, if any. */
function labelled(label, meaning, control, { slider = null, button = null } = {}) {
  const id = newId("setting");
  control.id = id;
  for (const part of [control, slider]) part?.setAttribute("aria-describedby", `${id}-hint`);
  return element(
    "div",
    { class: "setting" },
    element("div", { class: "setting-head" }, element("label", { class: "label", for: id }, label), button),
    element("p", { class: "hint", id: `${id}-hint` }, meaning),
    element("div", { class: "setting-inputs" }, slider, control),
  );
}
