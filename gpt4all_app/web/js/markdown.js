// Markdown as elements of the page. Text becomes text nodes; HTML in it is shown, never read.

import { copyButton } from "./copy_button.js";
import { element } from "./dom.js";
import { parseBlocks } from "./markdown/blocks.js";
import { parseInline } from "./markdown/inline.js";
import { scrollingTable } from "./table.js";

/**
 * Shows a Markdown text that grows, in an element of its own (`.element`).
 *
 * Blocks that are as they were stay the nodes they are: what was selected stays selected, and an answer of
 * many pages costs no more for each token than its last block does.
 */
export class MarkdownView {
  #shown = [];

  constructor() {
    this.element = element("div", { class: "markdown" });
  }

  /** Show this text. citation: gives the node for a number in brackets, or null for none. */
  update(text, { citation = null } = {}) {
    const lines = text.replaceAll("\r\n", "\n").split("\n");
    let start = 0;
    const blocks = parseBlocks(text).map((block) => {
      const source = lines.slice(start, block.end).join("\n");
      start = block.end;
      return { block, source, citation };
    });
    let same = 0;
    while (same < blocks.length && isSame(blocks[same], this.#shown[same])) same += 1;
    while (this.element.childNodes.length > same) this.element.lastChild.remove();
    this.element.append(...blocks.slice(same).map(({ block }) => renderBlock(block, citation)));
    this.#shown = blocks;
  }
}

/** The elements of a text that is whole. */
export function markdown(text, options = {}) {
  const view = new MarkdownView();
  view.update(text, options);
  return view.element;
}

function isSame(one, other) {
  return other !== undefined && one.source === other.source && one.citation === other.citation;
}

const BLOCKS = {
  paragraph: (block, citation) => element("p", {}, inline(block.text, citation)),
  // The page's own headings are above those of an answer.
  heading: (block, citation) => element(`h${Math.min(block.level + 2, 6)}`, {}, inline(block.text, citation)),
  rule: () => element("hr"),
  quote: (block, citation) =>
    element(
      "blockquote",
      {},
      block.blocks.map((each) => renderBlock(each, citation)),
    ),
  code: renderCode,
  list: renderList,
  table: renderTable,
};

function renderBlock(block, citation) {
  return BLOCKS[block.type](block, citation);
}

function renderCode({ language, text }) {
  return element(
    "figure",
    { class: "code" },
    element(
      "figcaption",
      {},
      element("span", {}, language || "text"),
      copyButton(() => text, "Copy this code"),
    ),
    // Whoever has no mouse scrolls it by the keys, and has to get there.
    element("pre", { tabindex: "0" }, element("code", {}, text)),
  );
}

function renderList({ isOrdered, start, isLoose, items }, citation) {
  const attributes = isOrdered && start !== 1 ? { start } : {};
  return element(
    isOrdered ? "ol" : "ul",
    attributes,
    items.map(({ blocks, isDone }) => {
      const isTask = isDone !== null;
      const box =
        isTask &&
        element("input", {
          type: "checkbox",
          disabled: true,
          checked: isDone,
          "aria-label": isDone ? "done" : "to do",
        });
      return element(
        "li",
        { class: isTask && "task" },
        box,
        blocks.map((block) => renderInItem(block, isLoose, citation)),
      );
    }),
  );
}

function renderInItem(block, isLoose, citation) {
  if (block.type === "paragraph" && !isLoose) return inline(block.text, citation);
  return renderBlock(block, citation);
}

function renderTable({ header, alignments, rows }, citation) {
  const cell = (tag, text, column) =>
    element(
      tag,
      { class: `align-${alignments[column]}`, scope: tag === "th" && "col" },
      inline(text, citation),
    );
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      row.map((text, column) => cell("td", text, column)),
    ),
  );
  return scrollingTable("Table", {
    head: header.map((text, column) => cell("th", text, column)),
    bodies: element("tbody", {}, body),
  });
}

function inline(text, citation) {
  return parseInline(text).map((part) => renderPart(part, citation));
}

const PARTS = {
  plain: ({ text }) => document.createTextNode(text),
  break: () => element("br"),
  code: ({ text }) => element("code", {}, text),
  strong: ({ parts }, citation) =>
    element(
      "strong",
      {},
      parts.map((part) => renderPart(part, citation)),
    ),
  emphasis: ({ parts }, citation) =>
    element(
      "em",
      {},
      parts.map((part) => renderPart(part, citation)),
    ),
  strike: ({ parts }, citation) =>
    element(
      "del",
      {},
      parts.map((part) => renderPart(part, citation)),
    ),
  link: renderLink,
  citations: renderCitations,
};

function renderPart(part, citation) {
  return PARTS[part.type](part, citation);
}

/** A link says where it leads: a model may write one name and another address. */
function renderLink({ url, parts }) {
  const place = url.protocol === "mailto:" ? url.pathname : url.host;
  const inside = parts.map((part) => renderPart(part, null));
  const isTold = inside.some((node) => node.textContent.includes(place));
  return element(
    "a",
    { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank" },
    inside,
    !isTold && element("span", { class: "link-place" }, ` (${place})`),
  );
}

function renderCitations({ numbers, text }, citation) {
  const nodes = numbers.map((number) => citation?.(number) ?? null);
  return nodes.includes(null)
    ? document.createTextNode(text)
    : element("span", { class: "citations" }, nodes);
}
