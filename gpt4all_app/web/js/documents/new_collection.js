// The dialog that makes a collection.

import { showDialog, titledDialog } from "../dialogs.js";
import { element, fill, newId } from "../dom.js";
import { errorNotice } from "../notices.js";
import { createCollection } from "./requests.js";

/** Ask for a name. Gives a promise of the collection that was made; null where none was. */
export function newCollection(api) {
  return new Promise((resolve) => {
    let made = null;
    const ids = { name: newId("name"), folder: newId("folder"), help: newId("help") };
    const name = element("input", {
      id: ids.name,
      type: "text",
      required: true,
      maxlength: 64,
      autocomplete: "off",
    });
    const folder = element("input", {
      id: ids.folder,
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": ids.help,
    });
    const failure = element("div", {});
    const create = element("button", { class: "button primary", type: "submit" }, "Create");

    async function submit(event) {
      event.preventDefault();
      create.disabled = true;
      try {
        made = await createCollection(api, name.value.trim(), folder.value.trim());
        dialog.close();
      } catch (error) {
        fill(failure, errorNotice(error, { title: "It was not created" }));
      }
      create.disabled = false;
    }

    const form = element(
      "form",
      { class: "dialog-body", onsubmit: submit },
      element("div", { class: "field" }, element("label", { for: ids.name }, "Name"), name),
      element(
        "details",
        {},
        element("summary", {}, "Take a folder of the server's computer"),
        element("div", { class: "field" }, element("label", { for: ids.folder }, "Full path"), folder),
        element(
          "p",
          { class: "hint", id: ids.help },
          "Its files are indexed where they are. The server has to allow it: gpt4all serve --allow-folder FOLDER",
        ),
      ),
      failure,
      element(
        "div",
        { class: "dialog-actions" },
        element("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel"),
        create,
      ),
    );
    const dialog = titledDialog("New collection");
    dialog.querySelector(".dialog-body").replaceWith(form);
    dialog.addEventListener("close", () => resolve(made), { once: true });
    showDialog(dialog);
    name.focus();
  });
}
