// The models that the server has, and what is told of each.

import { bytes, number } from "../format.js";
import { keep, kept } from "../stored.js";

const CHOSEN = "model";

/** What is wrong, and what helps, where no model writes text. */
export const NO_MODEL =
  "This server has no model that writes text. Get one with: gpt4all models recommend, then start the server again.";

/** The models that write text, the server's default first. Throws ApiError. */
export async function chatModels(api) {
  const { data } = await api.get("/v1/models");
  return data.filter((model) => (model.role ?? "chat") === "chat");
}

/** The model that was chosen last, or else the server's default; null where there is none. */
export function chosenModel(models) {
  const name = kept(CHOSEN, null);
  return models.find((model) => model.id === name) ?? models[0] ?? null;
}

/** Remember this choice. */
export function chooseModel(name) {
  keep(CHOSEN, name);
}

/** `[label, value]` for all that the server tells of a model. */
export function modelFacts(model) {
  const facts = [
    ["Memory", isKnown(model.memory_bytes) && bytes(model.memory_bytes)],
    ["File", isKnown(model.size_bytes) && bytes(model.size_bytes)],
    ["Context", isKnown(model.context_tokens) && `${number(model.context_tokens)} tokens`],
    ["Licence", model.licence],
    ["Languages", model.languages?.length > 0 && model.languages.map(languageName).join(", ")],
  ];
  return facts.filter(([, value]) => value);
}

const COMMERCIAL_USE = {
  yes: { kind: "good", text: "commercial use allowed" },
  no: { kind: "bad", text: "no commercial use" },
  conditions: { kind: "unsure", text: "commercial use with conditions" },
};

/** Whether a model may be used commercially: `{kind, text}`; kind is a chip's class. */
export function commercialUse(model) {
  return COMMERCIAL_USE[model.commercial_use] ?? { kind: "unsure", text: "commercial use unknown" };
}

/** What it can do beside writing. */
export function abilities(model) {
  return [model.thinks && "thinks first", model.tools && "calls tools"].filter(Boolean);
}

const LANGUAGES = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

/** The name of an ISO 639-1 code; what is none ("many") stays as it is. */
function languageName(code) {
  return /^[a-z]{2,3}$/.test(code) ? LANGUAGES.of(code) : code;
}

function isKnown(value) {
  return value !== null && value !== undefined;
}
