// Small values that this browser keeps: settings, the model chosen last.

const PREFIX = "gpt4all.";

/** What was kept under a name; `fallback` where there is nothing, or something else than JSON. */
export function kept(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keep a value. Where the browser keeps nothing (private windows, a full disk) it lasts as long as the page. */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch (error) {
    console.warn(`${name} is not kept: ${error.message}`);
  }
}
