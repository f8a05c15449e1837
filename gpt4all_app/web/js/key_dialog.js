// The key of whoever asks, where the server wants one.

import { titledDialog, showDialog } from "./dialogs.js";
import { element, newId } from "./dom.js";

/** Ask for the key. Gives a promise of it; null where none was given. */
export function askForKey({ wasRefused }) {
  return new Promise((resolve) => {
    const id = newId("key");
    const input = element("input", {
      type: "password",
      id,
      required: true,
      autocomplete: "current-password",
      pattern: "[ -~]+", // headers hold plain ASCII, and so do the server's keys
      title: "Letters, digits and signs of plain ASCII",
    });
    const form = element(
      "form",
      { class: "dialog-body", method: "dialog" },
      element(
        "p",
        {},
        "This server only answers to those who have a key: the one that was made for you, or what GPT4ALL_API_KEY or --api-key said where it was started.",
      ),
      wasRefused && element("p", { class: "notice bad", role: "alert" }, "That was not the key."),
      element("div", { class: "field" }, element("label", { for: id }, "API key"), input),
      element("p", { class: "hint" }, "It is kept until this tab is closed."),
      element(
        "div",
        { class: "dialog-actions" },
        element("button", { class: "button primary", type: "submit", value: "given" }, "Continue"),
      ),
    );
    const dialog = titledDialog("A key is needed", {});
    dialog.querySelector(".dialog-body").replaceWith(form);
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "given" ? input.value.trim() : null),
      { once: true },
    );
    showDialog(dialog);
    input.focus();
  });
}
