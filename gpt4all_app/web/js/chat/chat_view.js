// The view of conversations with a model.

import { collectionPicker, openPassage } from "../documents/index.js";
import { element, fill } from "../dom.js";
import { icon } from "../icons.js";
import { settingsButton } from "../settings/settings_button.js";
import { beginning } from "./beginning.js";
import { Composer } from "./composer.js";
import { titleOf } from "./conversation.js";
import { conversationList } from "./conversation_list.js";
import { ConversationStore } from "./conversation_store.js";
import { openExport } from "./export_dialog.js";
import { ModelChoice } from "./model_choice.js";
import { ChatSession } from "./session.js";
import { Thread } from "./thread.js";

/** The view; it is there at once, and has its models as soon as the server tells them. */
export async function chatView(api) {
  const session = new ChatSession(api, new ConversationStore());
  const choice = new ModelChoice(api, session);
  const title = element("h1", { class: "visually-hidden" });
  const collections = element("div", { class: "chat-collections" });
  const composer = new Composer({
    onSend: (text) => session.send(text),
    onStop: () => session.stop(),
    beside: collections,
  });
  const thread = new Thread(session, {
    beginning: () => beginning({ model: session.model, suggest: (text) => composer.suggest(text) }),
    onCitation: (reference) => openPassage(api, reference),
  });
  const view = element(
    "div",
    { class: "chat" },
    element(
      "div",
      { class: "chat-bar" },
      title,
      choice.element,
      element("span", { class: "spacer" }),
      settingsButton(),
      exportButton(session),
    ),
    thread.element,
    element("div", { class: "chat-foot" }, choice.notices, composer.element),
  );
  let shown = null;
  session.addEventListener("conversation", () => {
    title.textContent = titleOf(session.current);
    composer.isBusy = session.running !== null;
    if (shown !== session.current) fill(collections, picker(api, session));
    shown = session.current;
  });
  session.addEventListener("model", () => {
    if (session.current.messages.length === 0) thread.show();
  });
  view.addEventListener("shown", () => {
    choice.load(); // models may have come since
    // On a touch screen the focus would bring up the keyboard, over half of the page.
    if (globalThis.matchMedia("(hover: hover)").matches) composer.focus();
  });
  document.getElementById("sidebar-extra").append(conversationList(session));
  await session.load();
  session.select(session.current);
  return view;
}

function picker(api, session) {
  const { collections: selected } = session.current;
  return collectionPicker(api, { selected, onChange: (names) => session.chooseCollections(names) });
}

function exportButton(session) {
  const label = "Export this conversation";
  return element(
    "button",
    {
      class: "icon-button",
      type: "button",
      "aria-label": label,
      title: label,
      onclick: () => openExport(session.current),
    },
    icon("download"),
  );
}
