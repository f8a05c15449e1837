// Tables that scroll by themselves where they are wider than the page.

import { element } from "./dom.js";

/** label: said of the region that scrolls. head: cells of the first row. bodies: `tbody` elements. */
export function scrollingTable(label, { head, bodies }) {
  return element(
    "div",
    { class: "table-scroll", role: "region", "aria-label": label, tabindex: "0" },
    element("table", {}, element("thead", {}, element("tr", {}, head)), bodies),
  );
}
