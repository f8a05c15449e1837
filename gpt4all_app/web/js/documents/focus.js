// The keyboard's place on a page whose parts come and go.

import { fill } from "../dom.js";

/** As `fill`; what had the focus in the node gives it to the node, or it would begin at the page's top. */
export function fillKeepingFocus(node, ...children) {
  const hadFocus = node.contains(document.activeElement);
  fill(node, ...children);
  if (hadFocus) node.focus();
}
