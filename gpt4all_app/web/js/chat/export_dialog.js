// Taking a conversation elsewhere.

import { showDialog, titledDialog } from "../dialogs.js";
import { element } from "../dom.js";
import { fileName, saveFile } from "../save_file.js";
import { asJson, asMarkdown, titleOf } from "./conversation.js";

/** Ask as what a conversation is to be saved. */
export function openExport(conversation) {
  const title = titleOf(conversation);
  const save = (text, ending, type) => () => saveFile(fileName(title, ending), text(), { type });
  showDialog(
    titledDialog(
      "Export this conversation",
      {},
      element(
        "p",
        {},
        "As Markdown to read, with its sources; as JSON for this page on another machine, and for programs.",
      ),
      element(
        "div",
        { class: "dialog-actions" },
        element(
          "button",
          {
            class: "button",
            type: "button",
            onclick: save(() => asJson([conversation]), "json", "application/json"),
          },
          "JSON",
        ),
        element(
          "button",
          {
            class: "button primary",
            type: "button",
            onclick: save(() => asMarkdown(conversation), "md", "text/markdown"),
          },
          "Markdown",
        ),
      ),
    ),
  );
}
