// Names and texts of strangers as they are shown: what turns the reading direction, or is not seen at all, may
// not make a program look like a PDF. Lengths stay as they are, so that spans hold.

const REPLACEMENT = "\uFFFD";
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/gu;
const OVERRIDES = /[\u202D\u202E]/gu;

/**
 * A file's or collection's name in which every character is seen.
 * @param {string} name
 * @returns {string}
 */
export function visibleName(name) {
  return name.replace(UNSEEN, REPLACEMENT);
}

/**
 * A document's text in which nothing is written backwards by force. Marks that Arabic and Hebrew texts
 * need stay; those overrides no text needs.
 * @param {string} text
 * @returns {string}
 */
export function unforcedText(text) {
  return text.replace(OVERRIDES, REPLACEMENT);
}
