// Native dialogs: the browser keeps the focus inside and closes them with Escape.

import { element, newId } from "./dom.js";
import { icon } from "./icons.js";

/** Open a dialog over the page; it is taken away when it closes, and the focus goes back if it went nowhere. */
export function showDialog(dialog) {
  const before = document.activeElement;
  dialog.addEventListener(
    "close",
    () => {
      dialog.remove();
      if (before?.isConnected && document.activeElement === document.body) before.focus();
    },
    { once: true },
  );
  dialog.addEventListener("click", (event) => {
    // The veil belongs to the dialog; all else in it is covered by what it holds.
    if (event.target === dialog && !isInside(dialog, event)) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** A dialog with a title and a button that closes it. kind: "modal" in the middle, "sheet" at the side. */
export function titledDialog(title, { kind = "modal" } = {}, ...children) {
  const heading = newId("dialog-title");
  const dialog = element("dialog", { class: kind, "aria-labelledby": heading });
  dialog.append(
    element(
      "div",
      { class: "dialog-header" },
      element("h2", { id: heading }, title),
      element(
        "button",
        { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    element("div", { class: "dialog-body" }, children),
  );
  return dialog;
}

/** Ask before something is lost. Gives a promise of whether it may be. */
export function confirmed(title, text, { action }) {
  return new Promise((resolve) => {
    const dialog = titledDialog(
      title,
      {},
      element("p", {}, text),
      element(
        "div",
        { class: "dialog-actions" },
        element("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel"),
        element(
          "button",
          { class: "button danger", type: "button", onclick: () => dialog.close("yes") },
          action,
        ),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    showDialog(dialog);
  });
}

function isInside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return (
    event.clientX >= box.left &&
    event.clientX <= box.right &&
    event.clientY >= box.top &&
    event.clientY <= box.bottom
  );
}
