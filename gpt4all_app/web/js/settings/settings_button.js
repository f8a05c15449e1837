// The button that opens the settings, and tells how many are not as they were at first.

import { element } from "../dom.js";
import { icon } from "../icons.js";
import { changedCount, samplingSettings, SETTINGS_CHANGED } from "./sampling.js";
import { openSettings } from "./settings_sheet.js";

/** The button; views have one each, which tell the same. */
export function settingsButton() {
  const count = element("span", { class: "count", "aria-hidden": "true" });
  const button = element(
    "button",
    { class: "icon-button", type: "button", "aria-haspopup": "dialog", onclick: openSettings },
    icon("settings"),
    count,
  );
  const show = () => {
    const changed = changedCount(samplingSettings());
    count.textContent = changed > 0 ? String(changed) : "";
    const label = changed > 0 ? `Settings, ${changed} changed` : "Settings";
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  document.addEventListener(SETTINGS_CHANGED, show);
  show();
  return button;
}
