// Two models, one prompt.

import { element } from "../dom.js";

/** The view of comparisons. */
export async function compareView() {
  return element("div", { class: "empty-state" }, element("h1", {}, "Compare"));
}
