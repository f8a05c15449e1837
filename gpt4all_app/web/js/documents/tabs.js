// Tabs: one of several panels is shown; arrows go from tab to tab.

import { element, newId } from "../dom.js";

/** tabs: `{label, panel}` each, the first one is shown. name: what they are tabs of. */
export function tabbed(name, tabs) {
  const parts = tabs.map(({ label, panel }) => {
    const ids = { tab: newId("tab"), panel: newId("panel") };
    const tab = element(
      "button",
      { class: "tab", type: "button", role: "tab", id: ids.tab, "aria-controls": ids.panel },
      label,
    );
    return {
      tab,
      panel: element(
        "div",
        { class: "tab-panel", role: "tabpanel", id: ids.panel, "aria-labelledby": ids.tab },
        panel,
      ),
    };
  });

  function show(chosen) {
    for (const part of parts) {
      const isShown = part === chosen;
      part.tab.setAttribute("aria-selected", String(isShown));
      part.tab.tabIndex = isShown ? 0 : -1;
      part.panel.hidden = !isShown;
    }
  }

  for (const [place, part] of parts.entries()) {
    part.tab.addEventListener("click", () => show(part));
    part.tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (step === undefined) return;
      const next = parts[(place + step + parts.length) % parts.length];
      show(next);
      next.tab.focus();
    });
  }
  show(parts[0]);
  return element(
    "div",
    { class: "tabbed" },
    element(
      "div",
      { class: "tabs", role: "tablist", "aria-label": name },
      parts.map(({ tab }) => tab),
    ),
    parts.map(({ panel }) => panel),
  );
}
