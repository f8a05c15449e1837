// Files for the person at the page: made here, sent nowhere.

import { element } from "./dom.js";

/** Have the browser save a text under a name. */
export function saveFile(name, text, { type }) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: url, download: name });
  link.click();
  // The browser reads it soon after the click.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name for a file out of a title: letters and digits of any script, hyphens between. */
export function fileName(title, ending) {
  const stem = title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return `${stem || "conversation"}.${ending}`;
}
