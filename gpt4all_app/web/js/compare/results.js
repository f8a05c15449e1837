// The table of what was measured, run by run.

import { element, fill } from "../dom.js";
import { number } from "../format.js";
import { icon } from "../icons.js";
import { saveFile } from "../save_file.js";
import { scrollingTable } from "../table.js";
import { better, experimentCsv, experimentJson, MEASURES } from "./experiment.js";

/** The results of some runs, the newest first, with their export. */
export function resultsTable(runs) {
  const rows = runs.map((run, index) => runRows(run, index + 1)).reverse();
  return element(
    "section",
    { class: "results", "aria-label": "Results" },
    element(
      "div",
      { class: "view-header" },
      element("h2", {}, "Results"),
      element("span", { class: "spacer" }),
      exportButton("CSV", () => saveFile("comparison.csv", experimentCsv(runs), { type: "text/csv" })),
      exportButton("JSON", () =>
        saveFile("comparison.json", experimentJson(runs), { type: "application/json" }),
      ),
    ),
    scrollingTable("Table of results", {
      head: [
        ["Question", "Model"].map((name) => element("th", { scope: "col" }, name)),
        MEASURES.map(({ name, unit }) =>
          element("th", { scope: "col", class: "align-end" }, `${name}, ${unit}`),
        ),
      ],
      bodies: rows,
    }),
    runs.some(({ isFair }) => !isFair) &&
      element(
        "p",
        { class: "hint" },
        "Runs with * had both models answer at once, and share the processor: both were slower than alone.",
      ),
  );
}

function runRows(run, index) {
  const [first, second] = run.results;
  const winners = MEASURES.map((measure) => better(measure, measure.of(first), measure.of(second)));
  return element(
    "tbody",
    {},
    run.results.map((result, side) =>
      element(
        "tr",
        {},
        side === 0 &&
          element(
            "th",
            { scope: "rowgroup", rowspan: "2" },
            `${index}${run.isFair ? "" : "*"}. ${run.prompt.slice(0, 80)}`,
          ),
        element("td", {}, result.model, temperatureNote(result)),
        MEASURES.map((measure, column) =>
          measureCell(measure.of(result), winners[column] === (side === 0 ? -1 : 1)),
        ),
      ),
    ),
  );
}

function measureCell(value, isBetter) {
  const shown = value === null ? "–" : number(value);
  const cell = element("td", { class: isBetter ? "align-end better" : "align-end" }, shown);
  if (isBetter) cell.append(element("span", { class: "visually-hidden" }, ", better"));
  return cell;
}

function temperatureNote({ request }) {
  if (request.temperature === undefined) return null;
  return element("span", { class: "hint" }, ` temperature ${request.temperature}`);
}

function exportButton(kind, onclick) {
  return element("button", { class: "button small", type: "button", onclick }, icon("download"), kind);
}

/** Put the table of these runs into a place; nothing where there are none. */
export function showResults(place, runs) {
  fill(place, runs.length > 0 && resultsTable(runs));
}
