// The blocks of a Markdown text, as plain objects: paragraphs, headings, lists, tables, code, quotes.

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?: (.*))?$/;
const RULE = /^ {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:( +)(.*))?$/;
const DELIMITERS = /^ {0,3}\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$/;
const DEEPEST = 8; // lists and quotes inside of each other; what is deeper is read as text

/**
 * The blocks of a text, each `{type, …, end}`, where `end` is the line behind its last.
 *
 * HTML is text. Lines that are indented are no code: models indent for other reasons.
 */
export function parseBlocks(text) {
  return blocksOf(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0);
}

function blocksOf(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === "") {
      at += 1;
      continue;
    }
    const block = blockAt(lines, at, depth);
    blocks.push(block);
    at = block.end;
  }
  return blocks;
}

function blockAt(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return fenced(lines, at);
  if (HEADING.test(line)) return heading(line, at);
  if (RULE.test(line)) return { type: "rule", end: at + 1 };
  if (isTable(lines, at)) return table(lines, at);
  if (depth < DEEPEST && QUOTE.test(line)) return quote(lines, at, depth);
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, depth);
  return paragraph(lines, at);
}

function fenced(lines, start) {
  const [, fence, language] = FENCE.exec(lines[start]);
  const indent = indentOf(lines[start]);
  const closing = new RegExp(`^ {0,3}${fence[0]}{${fence.length},} *$`);
  let at = start + 1;
  const code = [];
  while (at < lines.length && !closing.test(lines[at])) {
    code.push(lines[at].slice(Math.min(indent, indentOf(lines[at]))));
    at += 1;
  }
  const isClosed = at < lines.length;
  return {
    type: "code",
    language: language.trim().split(" ")[0],
    text: code.join("\n"),
    end: at + (isClosed ? 1 : 0),
  };
}

function heading(line, at) {
  const [, marks, text = ""] = HEADING.exec(line);
  return { type: "heading", level: marks.length, text: text.trim().replace(/ #+$/, ""), end: at + 1 };
}

function quote(lines, start, depth) {
  let at = start;
  const inside = [];
  while (at < lines.length && QUOTE.test(lines[at])) {
    inside.push(lines[at].replace(QUOTE, ""));
    at += 1;
  }
  return { type: "quote", blocks: blocksOf(inside, depth + 1), end: at };
}

function list(lines, start, depth) {
  const first = itemOf(lines[start]);
  const items = [];
  let at = start;
  let isLoose = false;
  while (at < lines.length) {
    const found = itemOf(lines[at]);
    if (!found || found.isOrdered !== first.isOrdered || found.indent > first.indent + 1) break;
    const item = itemLines(lines, at, found);
    isLoose ||= item.hasGap;
    items.push(asTask(blocksOf(item.lines, depth + 1)));
    at = skipBlank(lines, item.end);
    if (at > item.end && itemOf(lines[at] ?? "")?.isOrdered === first.isOrdered) isLoose = true;
  }
  return { type: "list", isOrdered: first.isOrdered, start: first.number, isLoose, items, end: at };
}

/** The lines of an item without what indents them: those as far in as its text, or a list inside it. */
function itemLines(lines, start, item) {
  const inside = [item.text];
  let at = start + 1;
  let hasGap = false;
  while (at < lines.length) {
    const next = skipBlank(lines, at);
    if (next >= lines.length) break;
    const indent = indentOf(lines[next]);
    const inner = itemOf(lines[next]);
    const belongs = inner ? indent >= item.indent + 2 : indent >= Math.min(item.offset, item.indent + 2);
    const isLazy = !belongs && !inner && next === at && !beginsBlock(lines, next);
    if (!belongs && !isLazy) break;
    hasGap ||= next > at && !inner;
    for (; at < next; at += 1) inside.push("");
    inside.push(lines[at].slice(Math.min(indent, item.offset)));
    at += 1;
  }
  return { lines: inside, hasGap, end: at };
}

function itemOf(line) {
  const found = RULE.test(line) ? null : ITEM.exec(line);
  if (!found) return null;
  const [, before, marker, gap = " ", text = ""] = found;
  const width = gap.length > 4 ? 1 : gap.length;
  return {
    indent: before.length,
    offset: before.length + marker.length + width,
    isOrdered: marker.length > 1,
    number: marker.length > 1 ? Number.parseInt(marker, 10) : null,
    text,
  };
}

/** An item of a list of things to do, `- [x] done`, says whether it is. */
function asTask(blocks) {
  const found = blocks[0]?.type === "paragraph" && /^\[([ xX])\] /.exec(blocks[0].text);
  if (!found) return { blocks, isDone: null };
  const text = blocks[0].text.slice(4);
  return { blocks: [{ ...blocks[0], text }, ...blocks.slice(1)], isDone: found[1] !== " " };
}

function isTable(lines, at) {
  const next = lines[at + 1] ?? "";
  return (
    lines[at].includes("|") &&
    next.includes("-") &&
    DELIMITERS.test(next) &&
    cells(lines[at]).length === cells(next).length
  );
}

function table(lines, start) {
  const header = cells(lines[start]);
  const alignments = cells(lines[start + 1]).map((cell) => {
    if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "end";
    return "start";
  });
  const rows = [];
  let at = start + 2;
  while (at < lines.length && lines[at].trim() !== "" && lines[at].includes("|")) {
    const row = cells(lines[at]);
    rows.push(header.map((_name, column) => row[column] ?? ""));
    at += 1;
  }
  return { type: "table", header, alignments, rows, end: at };
}

function cells(line) {
  const inside = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inside.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function paragraph(lines, start) {
  let at = start + 1;
  while (at < lines.length && lines[at].trim() !== "" && !beginsBlock(lines, at)) at += 1;
  const text = lines
    .slice(start, at)
    .map((line) => line.trim().replace(/ *\\$/, ""))
    .join("\n");
  return { type: "paragraph", text, end: at };
}

function beginsBlock(lines, at) {
  const line = lines[at];
  const item = itemOf(line);
  return (
    FENCE.test(line) ||
    HEADING.test(line) ||
    RULE.test(line) ||
    QUOTE.test(line) ||
    // A number that begins a line of prose is no list, unless it is the first.
    (item !== null && (!item.isOrdered || item.number === 1 || item.indent > 0)) ||
    isTable(lines, at)
  );
}

function skipBlank(lines, from) {
  let at = from;
  while (at < lines.length && lines[at].trim() === "") at += 1;
  return at;
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}
