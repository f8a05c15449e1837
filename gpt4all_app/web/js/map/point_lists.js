// What a map finds besides: passages that repeat another, and passages like no other.

import { visibleName } from "../documents/visible_text.js";
import { element } from "../dom.js";
import { counted } from "../format.js";

/** Pairs that say nearly the same, by the two documents they are in: those with most in common first. */
export function duplicateGroups(placed) {
  const groups = new Map();
  for (const { a, b, similarity } of placed.nearDuplicates) {
    const ends = [placed.documentOf[a], placed.documentOf[b]].sort((one, other) => one - other);
    const key = ends.join(" ");
    if (!groups.has(key)) groups.set(key, { documents: [...new Set(ends)], points: new Set(), pairs: 0, least: 1 });
    const group = groups.get(key);
    group.points.add(a).add(b);
    group.pairs += 1;
    group.least = Math.min(group.least, similarity);
  }
  return [...groups.values()].sort((one, other) => other.pairs - one.pairs);
}

/** Which documents repeat each other, or themselves; each entry leads to the points. */
export function duplicateList(placed, groups, { onGo }) {
  if (groups.length === 0) return hint("No passage says the same as another.");
  return element(
    "div",
    { class: "map-panel" },
    hint("Passages that say the same in the same words, or nearly, by the documents they are in."),
    element(
      "ol",
      { class: "point-list" },
      groups.map(({ documents, points, pairs, least }) =>
        entry(
          documents.map((document) => visibleName(placed.documents[document].filename)),
          `${documents.length === 1 ? "repeats itself: " : ""}${counted(pairs, "pair")}, ${percent(least)}`,
          () => onGo([...points]),
        ),
      ),
    ),
  );
}

/** Passages far from all others, the strangest first. */
export function outlierList(placed, { onGo }) {
  if (placed.outliers.length === 0) return hint("No passage is unlike all others.");
  return element(
    "div",
    { class: "map-panel" },
    hint("Passages that are like no other here: strays, scraps, or what nothing else speaks of."),
    element(
      "ol",
      { class: "point-list" },
      placed.outliers.map(({ point }) =>
        entry([nameOf(placed, point)], placed.topicAt(point)?.label ?? "no topic", () => onGo([point])),
      ),
    ),
  );
}

function entry(names, fact, go) {
  return element(
    "li",
    {},
    element(
      "button",
      { class: "point-entry", type: "button", onclick: go },
      names.map((name) => element("bdi", { class: "point-name" }, name)),
      element("span", { class: "hint" }, fact),
    ),
  );
}

const hint = (text) => element("p", { class: "hint" }, text);
const nameOf = (placed, point) => visibleName(placed.fileNameOf(point));
const percent = (share) => (share >= 0.9995 ? "the same words" : `at least ${Math.floor(share * 100)} % alike`);
