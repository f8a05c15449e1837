// The view of conversations with a model.

import { showDialog, titledDialog } from "../dialogs.js";
import { element, fill } from "../dom.js";
import { collectionPicker, openPassage } from "../documents/index.js";
import { icon } from "../icons.js";
import { modelPicker } from "../models/model_picker.js";
import { chatModels, chooseModel, chosenModel, commercialUse, modelFacts } from "../models/served_models.js";
import { errorNotice } from "../notices.js";
import { saveFile, fileName } from "../save_file.js";
import { changedCount, samplingSettings } from "../settings/sampling.js";
import { openSettings } from "../settings/settings_sheet.js";
import { asJson, asMarkdown, titleOf } from "./conversation.js";
import { conversationList } from "./conversation_list.js";
import { ConversationStore } from "./conversation_store.js";
import { Composer } from "./composer.js";
import { ChatSession } from "./session.js";
import { Thread } from "./thread.js";

const ASK_AGAIN_MS = 4000;
const BEGINNINGS = [
  "Explain what a context window is, in three sentences.",
  "Write a short, friendly reminder about an open invoice.",
  "List three ways to use an old laptop.",
];

/** The view; it is there at once, and has its models as soon as the server tells them. */
export async function chatView(api) {
  const session = new ChatSession(api, new ConversationStore());
  const collections = element("div", { class: "chat-collections" });
  const composer = new Composer({
    onSend: (text) => session.send(text),
    onStop: () => session.stop(),
    beside: collections,
  });
  const thread = new Thread(session, {
    beginning: () => beginning(session, composer),
    onCitation: (reference) => openPassage(api, reference),
  });
  const models = element("div", { class: "chat-models" });
  const notices = element("div", { class: "chat-notices" });
  const title = element("h1", { class: "visually-hidden" });
  const view = element(
    "div",
    { class: "chat" },
    element(
      "div",
      { class: "chat-bar" },
      title,
      models,
      element("span", { class: "spacer" }),
      settingsButton(),
      headerButton("download", "Export this conversation", () => openExport(session.current)),
    ),
    thread.element,
    element("div", { class: "chat-foot" }, notices, composer.element),
  );
  let shownFor = null;
  const show = () => {
    title.textContent = titleOf(session.current);
    composer.isBusy = session.running !== null;
    if (shownFor === session.current) return;
    shownFor = session.current;
    const { collections: selected } = session.current;
    const onChange = (names) => session.chooseCollections(names);
    fill(collections, collectionPicker(api, { selected, onChange }));
  };
  session.addEventListener("conversation", show);
  document.getElementById("sidebar-extra").append(conversationList(session));
  await session.load();
  show();
  thread.show();
  loadModels(api, session, { models, notices, thread });
  view.addEventListener("shown", () => {
    // On a touch screen the focus would bring up the keyboard, over half of the page.
    if (globalThis.matchMedia("(hover: hover)").matches) composer.focus();
  });
  return view;
}

/** Ask which models there are until the server tells; what was typed meanwhile stays. */
async function loadModels(api, session, { models, notices, thread }) {
  fill(models, element("span", { class: "hint" }, "Asking for models…"));
  try {
    const found = await chatModels(api);
    session.model = chosenModel(found);
    fill(models, session.model ? picker(found, session, thread) : null);
    fill(notices, !session.model && noModel());
    if (session.current.messages.length === 0) thread.show();
  } catch (error) {
    fill(models);
    fill(
      notices,
      errorNotice(error, {
        title: "The models are not known",
        retry: () => loadModels(api, session, { models, notices, thread }),
      }),
    );
    if (error.isUnreachable) setTimeout(() => notices.querySelector("button")?.click(), ASK_AGAIN_MS);
  }
}

function picker(found, session, thread) {
  return modelPicker(found, {
    selected: session.model,
    onChange: (model) => {
      session.model = model;
      chooseModel(model.id);
      if (session.current.messages.length === 0) thread.show();
    },
  });
}

function noModel() {
  return errorNotice(
    new Error(
      "This server has no model that writes text. Get one with: gpt4all models recommend, then start the server again.",
    ),
    { title: "No model" },
  );
}

/** What stands in an empty conversation: who answers, and how one may begin. */
function beginning(session, composer) {
  const { model } = session;
  return element(
    "div",
    { class: "empty-state beginning" },
    element("h2", {}, "What would you like to know?"),
    model && element("p", {}, `${model.id} answers, on the machine of this server.`),
    model && element("p", { class: "hint" }, modelLine(model)),
    element(
      "ul",
      { class: "beginnings", "aria-label": "Ways to begin" },
      BEGINNINGS.map((text) =>
        element(
          "li",
          {},
          element("button", { class: "button", type: "button", onclick: () => composer.suggest(text) }, text),
        ),
      ),
    ),
  );
}

function modelLine(model) {
  const facts = modelFacts(model).map(([label, value]) => `${label.toLowerCase()} ${value}`);
  return [...facts, commercialUse(model).text].join(" · ");
}

function settingsButton() {
  const count = element("span", { class: "count" });
  const button = element(
    "button",
    { class: "icon-button", type: "button", "aria-haspopup": "dialog" },
    icon("settings"),
    count,
  );
  const show = (settings) => {
    const changed = changedCount(settings);
    count.textContent = changed > 0 ? String(changed) : "";
    const label = changed > 0 ? `Settings, ${changed} changed` : "Settings";
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => openSettings({ onChange: show }));
  show(samplingSettings());
  return button;
}

function openExport(conversation) {
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

function headerButton(picture, label, onclick) {
  return element(
    "button",
    { class: "icon-button", type: "button", "aria-label": label, title: label, onclick },
    icon(picture),
  );
}
