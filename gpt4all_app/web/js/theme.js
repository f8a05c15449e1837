// Light, dark, or as the system is: a switch, and what was chosen last.

import { element, newId } from "./dom.js";
import { icon } from "./icons.js";

const KEY = "gpt4all.theme"; // read by first_paint.js, too
const THEMES = [
  ["system", "Auto", "system"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
];

/** Three radio buttons in one frame. */
export function themeSwitch() {
  const chosen = localStorage.getItem(KEY) ?? "system";
  const name = newId("theme");
  return element(
    "fieldset",
    { class: "theme-switch" },
    element("legend", { class: "visually-hidden" }, "Colours"),
    THEMES.map(([theme, label, picture]) =>
      element(
        "label",
        {},
        element("input", { type: "radio", name, checked: theme === chosen, onchange: () => choose(theme) }),
        icon(picture),
        label,
      ),
    ),
  );
}

function choose(theme) {
  if (theme === "system") {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, theme);
    document.documentElement.dataset.theme = theme;
  }
}
