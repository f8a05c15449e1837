// Conversations with a model.

import { element } from "../dom.js";

/** The view of conversations. */
export async function chatView() {
  return element("div", { class: "empty-state" }, element("h1", {}, "Chat"));
}
