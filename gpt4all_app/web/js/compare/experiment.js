// What a comparison found, as plain values, and as files for other programs. Pure.

import { tokensPerSecond } from "../answer.js";

/** Columns of the table of results, and of the CSV file: `[name, unit of the value, value of a result]`. */
export const MEASURES = [
  { name: "first token", unit: "s", of: ({ answer }) => seconds(answer?.firstMs), isLessBetter: true },
  {
    name: "speed",
    unit: "tokens/s",
    of: ({ answer }) => rounded(answer && tokensPerSecond(answer), 1),
    isLessBetter: false,
  },
  {
    name: "length",
    unit: "tokens",
    of: ({ answer }) => answer?.usage?.completion_tokens ?? null,
    isLessBetter: null,
  },
  { name: "whole answer", unit: "s", of: ({ answer }) => seconds(answer?.totalMs), isLessBetter: null },
];

/** The whole experiment: every question, and what each side made of it. */
export function experimentJson(runs) {
  return `${JSON.stringify({ format: "gpt4all-comparison", version: 1, runs: runs.map(plainRun) }, null, 2)}\n`;
}

/** A line for each answer, for spreadsheets. */
export function experimentCsv(runs) {
  const head = [
    "run",
    "side",
    "model",
    "temperature",
    ...MEASURES.map(({ name, unit }) => `${name} (${unit})`),
    "prompt",
    "answer",
  ];
  const rows = runs.flatMap((run, index) =>
    run.results.map((result) => [
      index + 1,
      result.side,
      result.model,
      result.request.temperature ?? "",
      ...MEASURES.map(({ of }) => of(result) ?? ""),
      run.prompt,
      result.answer?.text ?? `failed: ${result.error?.message}`,
    ]),
  );
  return [head, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** Which of two values is better; -1 the first, 1 the second, 0 where neither is, or nobody can say. */
export function better({ isLessBetter }, first, second) {
  if (isLessBetter === null || first === null || second === null || first === second) return 0;
  return first < second === isLessBetter ? -1 : 1;
}

function plainRun({ time, prompt, system, collections, isFair, results }) {
  return {
    time,
    prompt,
    system,
    collections,
    one_after_the_other: isFair,
    results: results.map((result) => ({
      side: result.side,
      model: result.model,
      request: result.request,
      measures: Object.fromEntries(
        MEASURES.map((measure) => [`${measure.name} (${measure.unit})`, measure.of(result)]),
      ),
      usage: result.answer?.usage ?? null,
      stopped: result.answer?.state === "stopped",
      thought: result.answer?.thought ?? "",
      answer: result.answer?.text ?? null,
      references: result.answer?.references ?? [],
      error: result.error?.message ?? null,
    })),
  };
}

/** A cell as RFC 4180 has it; one that a spreadsheet would compute (=, +, -, @ first) is kept a text. */
function csvCell(value) {
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function seconds(ms) {
  return ms === null || ms === undefined ? null : rounded(ms / 1000, 3);
}

function rounded(value, digits) {
  return value === null || value === undefined ? null : Number(value.toFixed(digits));
}
