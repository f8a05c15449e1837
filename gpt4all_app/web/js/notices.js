// What went wrong, where it went wrong.

import { element } from "./dom.js";

/** An error in the place of what it kept from being: its words, and a button where trying again may help. */
export function errorNotice(error, { title = "That did not work", retry = null } = {}) {
  return element(
    "div",
    { class: "notice bad", role: "alert" },
    element("p", { class: "notice-title" }, title),
    element("p", {}, error.message),
    retry && element("button", { class: "button small", type: "button", onclick: retry }, "Try again"),
  );
}
