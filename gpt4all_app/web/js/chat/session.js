// What can be done with conversations: ask, stop, ask again, edit, rename, delete, import.

import { announce } from "../announcer.js";
import { followAnswer } from "../answer.js";
import { chatRequest } from "../chat_request.js";
import { samplingSettings } from "../settings/sampling.js";
import { fromJson, newConversation } from "./conversation.js";

/**
 * The conversations of this page, and the answers that are under way in them.
 *
 * Events: `list` when conversations came, went or were renamed; `conversation` when another is shown, or
 * messages came or went; `progress` when an answer has grown; `problem` with `detail.error` when something
 * could not be kept; `model` when another one is to answer. An answer goes on while another conversation is shown.
 */
export class ChatSession extends EventTarget {
  #api;
  #store;
  #running = new Map();
  #failures = new Map();

  constructor(api, store) {
    super();
    this.#api = api;
    this.#store = store;
    this.conversations = [];
    this.current = newConversation();
    this.model = null;
  }

  /** Read what was kept. */
  async load() {
    await this.#kept(async () => {
      this.conversations = await this.#store.all();
    });
    this.#tell("list");
  }

  /** What is under way in the conversation that is shown: `{answer, model, controller}`, or null. */
  get running() {
    return this.#running.get(this.current.id) ?? null;
  }

  /** Why the last question of the conversation that is shown has no answer; null if nothing failed. */
  get failure() {
    return this.#failures.get(this.current.id) ?? null;
  }

  /** Have this model answer from now on; null where there is none. */
  choose(model) {
    this.model = model;
    this.#tell("model");
  }

  /** Show another conversation. */
  select(conversation) {
    this.current = conversation;
    this.#tell("conversation");
    this.#tell("list");
  }

  /** Begin an empty one, with the collections of the one before. */
  begin() {
    this.select(newConversation({ collections: [...this.current.collections] }));
  }

  /** Say something, and have it answered. */
  async send(text) {
    const { current } = this;
    if (this.#running.has(current.id)) return;
    current.messages.push({ role: "user", content: text });
    if (!this.conversations.includes(current)) this.conversations.unshift(current);
    await this.#answer(current);
  }

  /** Take back the last answer, and have another one. */
  async retry() {
    const { current } = this;
    if (this.#running.has(current.id)) return;
    while (current.messages.at(-1)?.role === "assistant") current.messages.pop();
    if (current.messages.length > 0) await this.#answer(current);
  }

  /** Put other words in the place of a question; what came after it goes. */
  async edit(message, text) {
    const { current } = this;
    if (this.#running.has(current.id)) return;
    current.messages.length = current.messages.indexOf(message);
    await this.send(text);
  }

  /** End the answer that is under way; what there is of it stays. */
  stop() {
    this.running?.controller.abort();
  }

  async rename(conversation, title) {
    conversation.title = title.trim();
    await this.#save(conversation);
    this.#tell("conversation");
  }

  async delete(conversation) {
    this.#running.get(conversation.id)?.controller.abort();
    this.conversations = this.conversations.filter((each) => each !== conversation);
    await this.#kept(() => this.#store.delete(conversation.id));
    if (conversation === this.current) this.begin();
    else this.#tell("list");
  }

  /** What answers may draw on from now on. */
  async chooseCollections(names) {
    this.current.collections = names;
    if (this.current.messages.length > 0) await this.#save(this.current);
  }

  /** Add the conversations of an exported file; gives how many. Throws Error for another file. */
  async importFile(text) {
    const read = fromJson(text);
    this.conversations.push(...read);
    this.conversations.sort((one, other) => other.updated - one.updated);
    for (const conversation of read) await this.#kept(() => this.#store.put(conversation));
    this.#tell("list");
    return read.length;
  }

  async #answer(conversation) {
    const controller = new AbortController();
    const model = this.model?.id ?? null;
    const running = { controller, model, answer: null };
    this.#running.set(conversation.id, running);
    this.#failures.delete(conversation.id);
    this.#touched(conversation);
    await this.#save(conversation);
    try {
      const answer = await followAnswer(this.#api, this.#request(conversation), {
        signal: controller.signal,
        onChange: (sofar) => {
          running.answer = sofar;
          if (conversation === this.current) this.#tell("progress");
        },
      });
      if (answer.text || answer.thought) conversation.messages.push(asMessage(answer, model));
      if (conversation === this.current) announce(spoken(answer));
    } catch (error) {
      this.#failures.set(conversation.id, error);
    }
    this.#running.delete(conversation.id);
    this.#touched(conversation);
    if (this.conversations.includes(conversation)) await this.#save(conversation);
  }

  #request(conversation) {
    const { messages, collections } = conversation;
    const said = messages.map(({ role, content }) => ({ role, content }));
    return chatRequest({ model: this.model?.id, said, collections, settings: samplingSettings() });
  }

  #touched(conversation) {
    conversation.updated = Date.now();
    this.conversations.sort((one, other) => other.updated - one.updated);
    if (conversation === this.current) this.#tell("conversation");
  }

  async #save(conversation) {
    await this.#kept(() => this.#store.put(conversation));
    this.#tell("list");
  }

  async #kept(work) {
    try {
      await work();
    } catch (error) {
      this.dispatchEvent(new CustomEvent("problem", { detail: { error } }));
    }
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

function asMessage(answer, model) {
  const { state, finish, usage, firstMs, totalMs } = answer;
  return {
    role: "assistant",
    content: answer.text,
    thought: answer.thought,
    references: answer.references,
    model,
    statistics: { isStopped: state === "stopped", finish, usage, firstMs, totalMs },
  };
}

function spoken(answer) {
  if (answer.state === "stopped") return "The answer was stopped";
  return answer.text ? `Answer: ${answer.text}` : "There is no answer";
}
