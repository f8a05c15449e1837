// How answers are chosen, token by token: what can be set, and what was.

import { keep, kept } from "../stored.js";

const KEPT = "sampling";

/** The event of the document that tells of another setting. */
export const SETTINGS_CHANGED = "settings-changed";

/**
 * The settings of a request, by the server's names and with its defaults.
 *
 * unset: what the absence of a number means, where it may be absent.
 */
export const SETTINGS = [
  {
    name: "temperature",
    label: "Temperature",
    meaning: "How freely a token is drawn. 0 always takes the likeliest; above 1 the answers become strange.",
    default: 0.8,
    min: 0,
    max: 2,
    step: 0.05,
  },
  {
    name: "top_p",
    label: "Top-p",
    meaning: "Draw among the likeliest tokens that together have this probability. 1 switches it off.",
    default: 0.95,
    min: 0.05,
    max: 1,
    step: 0.05,
  },
  {
    name: "top_k",
    label: "Top-k",
    meaning: "Draw among this many of the likeliest tokens. 0 switches it off.",
    default: 40,
    min: 0,
    max: 200,
    step: 1,
  },
  {
    name: "min_p",
    label: "Min-p",
    meaning:
      "Drop tokens that have less than this share of the likeliest one's probability. 0 switches it off.",
    default: 0.05,
    min: 0,
    max: 1,
    step: 0.01,
  },
  {
    name: "repeat_penalty",
    label: "Repeat penalty",
    meaning:
      "Divides the score of the last 64 tokens, so that they come again less often. 1 switches it off.",
    default: 1,
    min: 0.5,
    max: 2,
    step: 0.05,
  },
  {
    name: "max_tokens",
    label: "Most tokens",
    meaning: "Where an answer ends at the latest.",
    unset: "As many as the model wants",
    default: null,
    min: 1,
    max: null,
    step: 1,
  },
  {
    name: "seed",
    label: "Seed",
    meaning: "Makes the draws repeatable: to try one change at a time.",
    unset: "Another one for each answer",
    default: null,
    min: 0,
    max: null,
    step: 1,
  },
];

/** How answers are made of documents: `[value, label]`; null leaves it to the server. */
export const ANSWER_MODES = [
  [null, "As the model can be trusted"],
  ["quote", "In words of the documents only"],
  ["free", "Written from the documents"],
  ["strict", "Written, or refused where they do not say"],
];

/** What was set: `{temperature: …, …, system: text, answer_mode}`, each with its default where nothing was. */
export function samplingSettings() {
  const stored = kept(KEPT, {});
  const isMode = ANSWER_MODES.some(([mode]) => mode === stored.answer_mode);
  const settings = {
    system: typeof stored.system === "string" ? stored.system : "",
    answer_mode: isMode ? stored.answer_mode : null,
  };
  for (const setting of SETTINGS) {
    const value = stored[setting.name];
    settings[setting.name] = isPossible(setting, value) ? value : setting.default;
  }
  return settings;
}

/** Keep these, and tell that they changed. */
export function keepSampling(settings) {
  keep(KEPT, settings);
  document.dispatchEvent(new Event(SETTINGS_CHANGED));
}

/** The part of a request that says how to choose: only what differs from the server's own defaults. */
export function samplingRequest(settings) {
  const changed = SETTINGS.filter(({ name, default: usual }) => settings[name] !== usual);
  return Object.fromEntries(changed.map(({ name }) => [name, settings[name]]));
}

/** How many settings are not what they are by default. */
export function changedCount(settings) {
  return (
    Object.keys(samplingRequest(settings)).length + (settings.system ? 1 : 0) + (settings.answer_mode ? 1 : 0)
  );
}

/** Whether a setting may have this value. */
export function isPossible(setting, value) {
  if (value === null) return setting.default === null;
  const isWhole = !Number.isInteger(setting.step) || Number.isSafeInteger(value);
  return Number.isFinite(value) && isWhole && value >= setting.min && value <= (setting.max ?? Infinity);
}
