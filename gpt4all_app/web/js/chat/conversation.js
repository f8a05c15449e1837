// Conversations as plain values: what they hold, and how they are written for other programs.

const FORMAT = "gpt4all-conversations";
const VERSION = 1;
const TITLE_LETTERS = 60;
const ROLES = new Set(["user", "assistant"]);

/** An id that nothing else has. crypto.randomUUID is not there over plain HTTP. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/**
 * A conversation without messages.
 *
 * messages: `{role, content}`; those of the assistant have `model`, `thought`, `references` and `statistics`
 * beside them. collections: what its answers may draw on. times: milliseconds of Unix time.
 */
export function newConversation({ collections = [] } = {}) {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, collections, messages: [] };
}

/** What a conversation is called: its own title, or how it begins. */
export function titleOf(conversation) {
  if (conversation.title) return conversation.title;
  const first = conversation.messages.find((message) => message.role === "user")?.content ?? "";
  const line = first.trim().split("\n")[0];
  return line.length > TITLE_LETTERS
    ? `${line.slice(0, TITLE_LETTERS).trimEnd()}…`
    : line || "New conversation";
}

/** Whether it has all of these words, in its title or in what was said. */
export function hasWords(conversation, words) {
  const text = [titleOf(conversation), ...conversation.messages.map(({ content }) => content)]
    .join("\n")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A conversation for people to read. */
export function asMarkdown(conversation) {
  const parts = [`# ${titleOf(conversation)}`];
  for (const message of conversation.messages) {
    const speaker = message.role === "user" ? "You" : (message.model ?? "Answer");
    parts.push(`## ${speaker}`, message.content, sourcesOf(message));
  }
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

/** Conversations for this page, here or on another machine. */
export function asJson(conversations) {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 2)}\n`;
}

/** The conversations in such a text, checked, with ids of their own. Throws Error for any other text. */
export function fromJson(text) {
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    throw new Error("This file is no JSON; choose one that this page has exported.");
  }
  if (read?.format !== FORMAT || !Array.isArray(read.conversations)) {
    throw new Error("This file holds no conversations; choose a JSON file that this page has exported.");
  }
  if (read.version !== VERSION) {
    throw new Error(`This file is of version ${read.version}; this page reads version ${VERSION}.`);
  }
  return read.conversations.map(checkedConversation);
}

function checkedConversation(read, index) {
  const messages = Array.isArray(read?.messages) ? read.messages : null;
  if (!messages?.every((each) => ROLES.has(each?.role) && typeof each.content === "string")) {
    throw new Error(`Conversation ${index + 1} of this file is damaged; nothing was imported.`);
  }
  const fresh = newConversation({ collections: textsOf(read.collections) });
  return {
    ...fresh,
    title: typeof read.title === "string" ? read.title : "",
    created: Number.isFinite(read.created) ? read.created : fresh.created,
    updated: Number.isFinite(read.updated) ? read.updated : fresh.updated,
    messages: messages.map(checkedMessage),
  };
}

function checkedMessage(read) {
  if (read.role === "user") return { role: "user", content: read.content };
  const references = Array.isArray(read.references) ? read.references : [];
  return {
    role: "assistant",
    content: read.content,
    thought: typeof read.thought === "string" ? read.thought : "",
    model: typeof read.model === "string" ? read.model : null,
    references: references.filter(
      (each) => Number.isInteger(each?.number) && typeof each.document?.filename === "string",
    ),
    statistics: null,
  };
}

function textsOf(list) {
  return Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
}

function sourcesOf({ references }) {
  if (!references?.length) return "";
  return references
    .map(({ number, document, place }) => `${number}. ${document.filename}${place ? `, ${place}` : ""}`)
    .join("\n");
}
