// Where files and whole folders are dropped, or chosen by two buttons.

import { element } from "../dom.js";
import { icon } from "../icons.js";
import { chosenFiles, droppedFiles } from "./dropped_files.js";

/** onFiles: called with what `dropped_files` gives. onFailure: called where a dropped folder cannot be read. */
export function uploadZone({ onFiles, onFailure }) {
  const zone = element(
    "div",
    { class: "upload-zone" },
    icon("upload"),
    element(
      "div",
      { class: "upload-words" },
      element("p", { class: "upload-title" }, "Drop files or folders here"),
      element(
        "p",
        { class: "hint" },
        "PDF, Word, Excel, PowerPoint, Markdown, HTML, email, code and plain text.",
      ),
    ),
    element(
      "div",
      { class: "upload-choices" },
      chooser("Choose files", { multiple: true }, onFiles),
      chooser("Choose a folder", { webkitdirectory: true }, onFiles),
    ),
  );
  // A child is entered before its parent is left: what is entered is counted.
  let depth = 0;
  const enter = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("is-target", depth > 0);
  };
  const listen = (name, handle) =>
    zone.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // or the browser would open the file in the page's place
      handle(event.dataTransfer);
    });
  listen("dragenter", () => enter(1));
  listen("dragleave", () => enter(-1));
  listen("dragover", (transfer) => {
    transfer.dropEffect = "copy";
  });
  listen("drop", (transfer) => {
    enter(-depth);
    droppedFiles(transfer).then((chosen) => chosen.files.length > 0 && onFiles(chosen), onFailure);
  });
  return zone;
}

/** A button, and behind it the input that opens the browser's dialog and cannot be styled. */
function chooser(label, kind, onFiles) {
  const input = element("input", { type: "file", hidden: true, "aria-label": label, ...kind });
  input.addEventListener("change", () => {
    const chosen = chosenFiles(input.files);
    input.value = ""; // or the same files could not be chosen again
    if (chosen.files.length > 0) onFiles(chosen);
  });
  return [element("button", { class: "button", type: "button", onclick: () => input.click() }, label), input];
}
