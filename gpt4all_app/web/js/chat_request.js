// What the server is asked for an answer. Pure.

import { samplingRequest } from "./settings/sampling.js";

/**
 * The body of a request for `/v1/chat/completions`.
 *
 * model: its name; null leaves the choice to the server. said: the conversation, `{role, content}`.
 * collections: what the answer may draw on; none asks the model alone. settings: see `settings/sampling.js`.
 */
export function chatRequest({ model, said, collections, settings }) {
  const isFromDocuments = collections.length > 0;
  const system = settings.system.trim();
  // An answer that only quotes takes no instructions.
  const isTold = system && !(isFromDocuments && settings.answer_mode === "quote");
  return {
    ...(model && { model }),
    messages: isTold ? [{ role: "system", content: system }, ...said] : said,
    ...samplingRequest(settings),
    ...(isFromDocuments && { localdocs: localdocs(collections, settings, { isTold }) }),
  };
}

function localdocs(collections, settings, { isTold }) {
  // Without a mode small models only quote.
  const mode = settings.answer_mode ?? (isTold ? "free" : null);
  return { collections, ...(mode && { answer_mode: mode }) };
}
