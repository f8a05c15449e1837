// Spans of texts. The server counts characters (code points), JavaScript counts UTF-16 code units: an emoji
// is one there and two here.

/**
 * Where a character begins in a string.
 * @param {string} text
 * @param {number} characters how many code points come before it
 * @returns {number} code units; the length of the text where it has fewer characters
 */
export function codeUnitsBefore(text, characters) {
  let units = 0;
  for (let left = characters; left > 0 && units < text.length; left -= 1) {
    units += text.codePointAt(units) > 0xffff ? 2 : 1;
  }
  return units;
}

/**
 * A span of the server's in code units of this string.
 * @param {string} text
 * @param {[number, number]} span
 * @returns {[number, number]}
 */
export function toCodeUnits(text, [start, end]) {
  const first = codeUnitsBefore(text, start);
  return [first, first + codeUnitsBefore(text.slice(first), end - start)];
}

/**
 * The text in pieces, in order and without gaps; spans that overlap count as one.
 * @param {string} text
 * @param {[number, number][]} spans code units
 * @returns {{text: string, isMarked: boolean}[]}
 */
export function piecesOf(text, spans) {
  const pieces = [];
  let at = 0;
  for (const [start, end] of spans.toSorted((one, other) => one[0] - other[0])) {
    if (end <= at) continue;
    if (start > at) pieces.push({ text: text.slice(at, start), isMarked: false });
    pieces.push({ text: text.slice(Math.max(start, at), end), isMarked: true });
    at = end;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), isMarked: false });
  return pieces;
}

// Marked in every hit they would say nothing. Of other languages only words of one or two letters are left out.
const FUNCTION_WORDS = new Set(
  (
    "a about after all also an and any are as at be because been before but by can could did do does for from " +
    "had has have he her his how i if in into is it its me more my no not of on one or our out over she should " +
    "so some such than that the their them then there these they this those to under up was we were what when " +
    "where which while who whom whose why will with would you your"
  ).split(" "),
);

/** Letters of an excerpt, and how many of them come before the first word that is marked. */
const EXCERPT = 420;
const LEAD = 60;

// These scripts have no spaces: a word may begin anywhere.
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;

/**
 * Where the words of a question stand in a text, also with another ending: `invoice` marks `invoices`.
 * @param {string} text
 * @param {string} question
 * @returns {[number, number][]} code units, in order
 */
export function wordSpans(text, question) {
  const words = new Set(question.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []);
  const patterns = [...words].filter(isTelling).map(patternOf);
  if (patterns.length === 0) return [];
  const expression = new RegExp(patterns.join("|"), "giu");
  return Array.from(text.matchAll(expression), (match) => [match.index, match.index + match[0].length]);
}

/**
 * The part of a long text in which most words of a question stand.
 * @param {string} text
 * @param {string} question
 * @returns {string} with an ellipsis where something is left out
 */
export function excerptAround(text, question) {
  if (text.length <= EXCERPT) return text;
  const spans = wordSpans(text, question);
  const different = (first) => {
    const inside = spans.slice(first).filter(([, end]) => end <= spans[first][0] + EXCERPT - LEAD);
    return new Set(inside.map(([start, end]) => text.slice(start, end).toLowerCase())).size;
  };
  let best = 0;
  for (let first = 1, most = spans.length > 0 ? different(0) : 0; first < spans.length; first += 1) {
    const count = different(first);
    if (count > most) [best, most] = [first, count];
  }
  const lead = Math.max((spans[best]?.[0] ?? 0) - LEAD, 0);
  // From a word on: up to a sentence is better, but may be far.
  const start = lead === 0 ? 0 : lead + Math.max(text.slice(lead).search(/\s/u), 0);
  const end = start + EXCERPT;
  return `${start > 0 ? "… " : ""}${text.slice(start, end).trim()}${end < text.length ? " …" : ""}`;
}

function isTelling(word) {
  if (FUNCTION_WORDS.has(word)) return false;
  return UNSPACED.test(word) || /\p{N}/u.test(word) || word.length > 2;
}

function patternOf(word) {
  // Letters, marks and digits only: nothing here has a meaning in expressions.
  if (UNSPACED.test(word)) return word;
  const ending = word.length > 3 ? "\\p{L}{0,3}" : "";
  return `(?<![\\p{L}\\p{N}])${word}${ending}(?![\\p{L}\\p{N}])`;
}

/**
 * Where a quotation stands in a text, whatever white space either has between its words.
 * @param {string} text
 * @param {string} quotation
 * @returns {[number, number] | null} code units
 */
export function quotationSpan(text, quotation) {
  const words = quotation.split(/\s+/u).filter(Boolean);
  if (words.length === 0) return null;
  const pattern = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/gu, "\\$&")).join("\\s+");
  const match = new RegExp(pattern, "u").exec(text);
  return match && [match.index, match.index + match[0].length];
}
