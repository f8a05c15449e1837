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
  const id = newId("system");
  const text = element("textarea", { id, rows: "4", "aria-describedby": `${id}-hint` }, settings.system);
  text.addEventListener("input", () => {
    settings.system = text.value;
    changed();
  });
  const reset = () => {
    text.value = "";
    settings.system = "";
    changed();
  };
  return {
    reset,
    element: element(
      "div",
      { class: "setting" },
      element("label", { class: "label", for: id }, "System prompt"),
      element(
        "p",
        { class: "hint", id: `${id}-hint` },
        "What the model is told before every conversation: who it is, how it should answer.",
      ),
      text,
    ),
  };
}

function answerMode(settings, changed) {
  const id = newId("mode");
  const select = element(
    "select",
    { id, "aria-describedby": `${id}-hint` },
    ANSWER_MODES.map(([mode, label]) =>
      element("option", { value: mode ?? "", selected: mode === settings.answer_mode }, label),
    ),
  );
  select.addEventListener("change", () => {
    settings.answer_mode = select.value || null;
    changed();
  });
  const reset = () => {
    select.value = "";
    settings.answer_mode = null;
    changed();
  };
  return {
    reset,
    element: element(
      "div",
      { class: "setting" },
      element("label", { class: "label", for: id }, "Answers from documents"),
      element(
        "p",
        { class: "hint", id: `${id}-hint` },
        "A quotation cannot be made up; written answers read better, and need a better model.",
      ),
      select,
    ),
  };
}

function settingRow(setting, settings, changed) {
  const id = newId(setting.name);
  const { name, label, meaning, unset, min, max, step } = setting;
  const shared = { min, max, step, "aria-describedby": `${id}-hint` };
  const input = element("input", { type: "number", id, placeholder: unset, inputmode: "decimal", ...shared });
  const slider =
    max !== null && element("input", { type: "range", "aria-label": `${label}, slider`, ...shared });
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
  return {
    reset,
    element: element(
      "div",
      { class: "setting" },
      element("div", { class: "setting-head" }, element("label", { class: "label", for: id }, label), button),
      element("p", { class: "hint", id: `${id}-hint` }, meaning),
      element("div", { class: "setting-inputs" }, slider, input),
    ),
  };
}
