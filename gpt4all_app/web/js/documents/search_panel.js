// Looking into a collection without a model: the passages that a question finds.

import { announce } from "../announcer.js";
import { element, fill, newId } from "../dom.js";
import { counted } from "../format.js";
import { errorNotice } from "../notices.js";
import { openPassage } from "./passage_dialog.js";
import { searchPassages } from "./requests.js";
import { excerptAround, piecesOf, wordSpans } from "./text_spans.js";
import { unforcedText, visibleName } from "./visible_text.js";

const HITS = 20;

const MODES = [
  ["hybrid", "Meaning and words"],
  ["vector", "Meaning"],
  ["keyword", "Words"],
];

/** A question, and the passages found for it, best first. */
export function searchPanel(api, collection) {
  const id = newId("search");
  const input = element("input", {
    type: "search",
    id,
    required: true,
    autocomplete: "off",
    placeholder: "A question or some words",
  });
  const mode = element(
    "select",
    { "aria-label": "Search by" },
    MODES.map(([value, label]) => element("option", { value }, label)),
  );
  const found = element("div", { class: "found" });
  let searching = new AbortController();

  async function search(event) {
    event.preventDefault();
    searching.abort();
    searching = new AbortController();
    const { signal } = searching;
    const question = input.value.trim();
    found.setAttribute("aria-busy", "true");
    try {
      const hits = await searchPassages(api, question, { collection, limit: HITS, mode: mode.value, signal });
      fill(
        found,
        hitsOf(hits, question, (hit) => openPassage(api, hit)),
      );
      announce(hits.length > 0 ? `${counted(hits.length, "passage")} found` : "Nothing was found");
    } catch (error) {
      if (signal.aborted) return;
      fill(found, errorNotice(error, { title: "The search failed" }));
    }
    found.removeAttribute("aria-busy");
  }

  const form = element(
    "form",
    { class: "search-form", role: "search", onsubmit: search },
    element("label", { class: "visually-hidden", for: id }, "Search this collection"),
    input,
    mode,
    element("button", { class: "button primary", type: "submit" }, "Search"),
  );
  return element("div", { class: "search-panel" }, form, found);
}

function hitsOf(hits, question, open) {
  if (hits.length === 0) {
    return element(
      "p",
      { class: "hint" },
      "Nothing was found. Other words may help, or searching by meaning.",
    );
  }
  return element(
    "ol",
    { class: "hits" },
    hits.map((hit) => element("li", {}, hitButton(hit, question, open))),
  );
}

function hitButton(hit, question, open) {
  const name = visibleName(hit.document.doc_metadata.file_name);
  const text = excerptAround(hit.text.trim(), question);
  const excerpt = piecesOf(text, wordSpans(text, question)).map((piece) =>
    piece.isMarked ? element("mark", {}, piece.text) : unforcedText(piece.text),
  );
  return element(
    "button",
    { class: "hit", type: "button", "aria-haspopup": "dialog", onclick: () => open(hit) },
    element(
      "span",
      { class: "hit-head" },
      element("bdi", { class: "hit-name" }, name),
      hit.place && element("bdi", { class: "hint" }, visibleName(hit.place)),
    ),
    element("span", { class: "hit-text", dir: "auto" }, excerpt),
  );
}
