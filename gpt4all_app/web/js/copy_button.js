// Copying to the clipboard, where the browser lets a page.

import { announce } from "./announcer.js";
import { element, fill } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = 1500;

/** A button that copies what `text` gives; null over plain HTTP from another machine, where browsers bar it. */
export function copyButton(text, label) {
  if (!navigator.clipboard) return null;
  const button = element(
    "button",
    { class: "icon-button small", type: "button", "aria-label": label, title: label },
    icon("copy"),
  );
  button.addEventListener("click", async () => {
    const isDone = await navigator.clipboard.writeText(text()).then(
      () => true,
      () => false, // the browser's settings bar it
    );
    announce(isDone ? "Copied" : "The browser did not let this be copied");
    fill(button, icon(isDone ? "check" : "close"));
    setTimeout(() => fill(button, icon("copy")), SHOWN_MS);
  });
  return button;
}
