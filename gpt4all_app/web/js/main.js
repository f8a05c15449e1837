// The page's beginning: its views, and who talks to the server for them.

import { Api } from "./api.js";
import { askForKey } from "./key_dialog.js";
import { Shell } from "./shell.js";

const api = new Api({ askForKey });

new Shell([
  {
    name: "chat",
    label: "Chat",
    icon: "chat",
    open: async () => (await import("./chat/chat_view.js")).chatView(api),
  },
  {
    name: "compare",
    label: "Compare",
    icon: "compare",
    open: async () => (await import("./compare/compare_view.js")).compareView(api),
  },
  {
    name: "documents",
    label: "Documents",
    icon: "documents",
    open: async () => (await import("./documents/index.js")).documentsView(api),
  },
  {
    name: "map",
    label: "Map",
    icon: "map",
    open: async () => (await import("./map/index.js")).mapView(api),
  },
]);
