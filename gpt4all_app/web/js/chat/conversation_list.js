// The list of conversations in the sidebar: find, open, rename, delete, export, import.

import { announce } from "../announcer.js";
import { confirmed, showDialog, titledDialog } from "../dialogs.js";
import { element, fill, newId } from "../dom.js";
import { counted } from "../format.js";
import { icon } from "../icons.js";
import { errorNotice } from "../notices.js";
import { saveFile } from "../save_file.js";
import { asJson, hasWords, titleOf } from "./conversation.js";

/** The list, which follows a session. */
export function conversationList(session) {
  const list = element("ul", { class: "conversations" });
  const problems = element("div");
  const search = element("input", {
    type: "search",
    placeholder: "Search conversations",
    "aria-label": "Search conversations",
  });
  const show = () => {
    const words = search.value.trim();
    const found = session.conversations.filter((each) => !words || hasWords(each, words));
    const none = words
      ? "Nothing has these words."
      : "What you ask is listed here, and kept in this browser only.";
    fill(
      list,
      found.length > 0 ? found.map((each) => row(session, each)) : element("li", { class: "hint" }, none),
    );
  };
  search.addEventListener("input", show);
  session.addEventListener("list", show);
  session.addEventListener("problem", ({ detail }) =>
    fill(problems, errorNotice(detail.error, { title: "Not kept" })),
  );
  const section = element(
    "section",
    { class: "conversation-panel", "aria-label": "Conversations" },
    element(
      "button",
      { class: "button", type: "button", onclick: (event) => leave(event, () => session.begin()) },
      icon("plus"),
      "New conversation",
    ),
    search,
    problems,
    list,
    element(
      "div",
      { class: "conversation-files" },
      smallButton("download", "Export all", () => exportAll(session)),
      importButton(session, problems),
    ),
  );
  show();
  return section;
}

function row(session, conversation) {
  const title = titleOf(conversation);
  const isCurrent = conversation === session.current;
  return element(
    "li",
    {},
    element(
      "button",
      {
        class: "conversation",
        type: "button",
        "aria-current": isCurrent && "true",
        onclick: (event) => leave(event, () => session.select(conversation)),
      },
      title,
    ),
    element(
      "span",
      { class: "conversation-actions" },
      rowButton("edit", `Rename “${title}”`, () => rename(session, conversation)),
      rowButton("trash", `Delete “${title}”`, () => remove(session, conversation)),
    ),
  );
}

/** Do it, and leave the menu of narrow screens. */
function leave(event, action) {
  event.target.dispatchEvent(new Event("leave-menu", { bubbles: true }));
  action();
}

function rename(session, conversation) {
  const id = newId("title");
  const input = element("input", { type: "text", id, value: titleOf(conversation), maxlength: "120" });
  const dialog = titledDialog("Rename", {});
  const form = element(
    "form",
    { class: "dialog-body", method: "dialog" },
    element("div", { class: "field" }, element("label", { for: id }, "Title"), input),
    element(
      "div",
      { class: "dialog-actions" },
      element("button", { class: "button primary", type: "submit", value: "named" }, "Rename"),
    ),
  );
  dialog.querySelector(".dialog-body").replaceWith(form);
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "named") session.rename(conversation, input.value);
  });
  showDialog(dialog);
  input.select();
}

async function remove(session, conversation) {
  const text = `“${titleOf(conversation)}” is kept nowhere else.`;
  if (!(await confirmed("Delete this conversation?", text, { action: "Delete" }))) return;
  await session.delete(conversation);
  announce("Deleted");
}

function exportAll(session) {
  saveFile("conversations.json", asJson(session.conversations), { type: "application/json" });
  announce(`${counted(session.conversations.length, "conversation")} exported`);
}

function importButton(session, problems) {
  const input = element("input", { type: "file", accept: ".json,application/json", hidden: true });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = ""; // the same file may be chosen once more
    if (!file) return;
    try {
      const count = await session.importFile(await file.text());
      problems.replaceChildren();
      announce(`${counted(count, "conversation")} imported`);
    } catch (error) {
      fill(problems, errorNotice(error, { title: "Not imported" }));
    }
  });
  return [smallButton("upload", "Import", () => input.click()), input];
}

function smallButton(picture, label, onclick) {
  return element("button", { class: "button quiet small", type: "button", onclick }, icon(picture), label);
}

function rowButton(picture, label, onclick) {
  return element(
    "button",
    { class: "icon-button small", type: "button", "aria-label": label, title: label, onclick },
    icon(picture),
  );
}
