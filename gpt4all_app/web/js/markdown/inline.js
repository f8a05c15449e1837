// What stands inside a line of Markdown, as plain objects: text, marks, code, links, numbers of citations.

const MARKS = [
  { mark: "**", type: "strong" },
  { mark: "__", type: "strong" },
  { mark: "~~", type: "strike" },
  { mark: "*", type: "emphasis" },
  { mark: "_", type: "emphasis" },
];
const DEEPEST = 12; // marks inside of marks; deeper ones are shown as they stand
const SAFE_SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The parts of a text: `{type, …}`, types as in `markdown.js`. */
export function parseInline(text, depth = 0) {
  return new InlineParser(text, depth).parse();
}

/** The address of a link where it is one to open; null for scripts, files and what is no address. */
export function safeAddress(address) {
  try {
    const url = new URL(address);
    return SAFE_SCHEMES.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

class InlineParser {
  #text;
  #depth;
  #parts = [];
  #plain = "";
  #unclosed = new Set(); // marks that nothing closes from here on: not looked for again

  constructor(text, depth) {
    this.#text = text;
    this.#depth = depth;
  }

  parse() {
    let at = 0;
    while (at < this.#text.length) at = this.#step(at);
    this.#flush();
    return this.#parts;
  }

  /** Take what stands at a place; gives the place behind it. */
  #step(at) {
    switch (this.#text[at]) {
      case "\\":
        return this.#escape(at);
      case "`":
        return this.#code(at);
      case "[":
        return this.#citation(at) ?? this.#link(at, at) ?? this.#letter(at);
      case "!":
        return (this.#text[at + 1] === "[" && this.#link(at, at + 1)) || this.#letter(at);
      case "<":
        return this.#autolink(at, /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/y) ?? this.#letter(at);
      case "h":
        return this.#autolink(at, /(https?:\/\/[^\s<>"`]{1,2000})/y) ?? this.#letter(at);
      case "\n":
        this.#push({ type: "break" });
        return at + 1;
      default:
        return this.#marked(at) ?? this.#letter(at);
    }
  }

  #letter(at) {
    this.#plain += this.#text[at];
    return at + 1;
  }

  #escape(at) {
    const next = this.#text[at + 1] ?? "";
    if (!/[!-/:-@[-`{-~]/.test(next)) return this.#letter(at);
    this.#plain += next;
    return at + 2;
  }

  #code(at) {
    const ticks = /`+/y;
    ticks.lastIndex = at;
    const [fence] = ticks.exec(this.#text);
    const start = at + fence.length;
    const end = this.#closingTicks(fence, start);
    if (end < 0) {
      this.#plain += fence;
      return start;
    }
    const inside = this.#text.slice(start, end).replaceAll("\n", " ");
    this.#push({ type: "code", text: /^ .*[^ ].* $/.test(inside) ? inside.slice(1, -1) : inside });
    return end + fence.length;
  }

  #closingTicks(fence, from) {
    if (this.#unclosed.has(fence)) return -1;
    let at = this.#text.indexOf(fence, from);
    while (at >= 0) {
      let end = at + fence.length;
      if (this.#text[end] !== "`" && this.#text[at - 1] !== "`") return at;
      while (this.#text[end] === "`") end += 1;
      at = this.#text.indexOf(fence, end);
    }
    this.#unclosed.add(fence);
    return -1;
  }

  /** `[1]` and `[1, 2]`, which are no links. */
  #citation(at) {
    const numbers = /\[(\d{1,3}(?:, ?\d{1,3}){0,9})\](?![(])/y;
    numbers.lastIndex = at;
    const found = numbers.exec(this.#text);
    if (!found) return null;
    this.#push({ type: "citations", numbers: found[1].split(",").map(Number), text: found[0] });
    return numbers.lastIndex;
  }

  /** `[text](address)`; a picture, `![…](…)`, is the same: nothing is loaded from elsewhere. */
  #link(at, bracket) {
    const link =
      /\[([^[\]\n]{0,500})\]\(\s{0,3}<?([^\s<>()]{1,2000}(?:\([^\s<>()]{0,500}\)[^\s<>()]{0,500})?)>?(?:\s{1,3}"[^"\n]{0,300}")?\s{0,3}\)/y;
    link.lastIndex = bracket;
    const found = link.exec(this.#text);
    if (!found) return null;
    const url = safeAddress(found[2]);
    const parts = this.#inside(found[1] || found[2]);
    if (url) this.#push({ type: "link", url, parts });
    else this.#push({ type: "plain", text: found[0] });
    return at + (bracket - at) + found[0].length;
  }

  #autolink(at, pattern) {
    pattern.lastIndex = at;
    const found = pattern.exec(this.#text);
    if (!found) return null;
    const isBare = found[0] === found[1];
    // What ends a sentence ends no address.
    const address = isBare ? found[1].replace(/[.,;:!?'*_~)\]]+$/, "") : found[1];
    const url = safeAddress(address);
    if (!url) return null;
    this.#push({ type: "link", url, parts: [{ type: "plain", text: address }] });
    return at + (isBare ? address.length : found[0].length);
  }

  #marked(at) {
    if (this.#depth >= DEEPEST) return null;
    for (const { mark, type } of MARKS) {
      if (!this.#text.startsWith(mark, at)) continue;
      const end = this.#closing(mark, at);
      if (end < 0) continue;
      const inside = this.#text.slice(at + mark.length, end);
      this.#push({ type, parts: parseInline(inside, this.#depth + 1) });
      return end + mark.length;
    }
    return null;
  }

  #closing(mark, at) {
    const start = at + mark.length;
    const isWordMark = mark.startsWith("_");
    if (this.#unclosed.has(mark) || !/\S/.test(this.#text[start] ?? " ")) return -1;
    if (isWordMark && /[\p{L}\p{N}]/u.test(this.#text[at - 1] ?? "")) return -1;
    let end = this.#text.indexOf(mark, start + 1);
    while (end >= 0) {
      const next = this.#text[end + mark.length] ?? "";
      const isSingle = mark.length > 1 || (next !== mark && this.#text[end - 1] !== mark);
      const isEnd = /\S/.test(this.#text[end - 1]) && !(isWordMark && /[\p{L}\p{N}]/u.test(next));
      if (isSingle && isEnd) return mark.length > 1 && next === mark[0] ? end + 1 : end;
      end = this.#text.indexOf(mark, end + mark.length);
    }
    this.#unclosed.add(mark);
    return -1;
  }

  #inside(text) {
    return this.#depth >= DEEPEST ? [{ type: "plain", text }] : parseInline(text, this.#depth + 1);
  }

  #push(part) {
    this.#flush();
    this.#parts.push(part);
  }

  #flush() {
    if (this.#plain) this.#parts.push({ type: "plain", text: this.#plain });
    this.#plain = "";
  }
}
