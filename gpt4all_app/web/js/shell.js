// The frame around the views: which one is shown, the way between them, the menu of narrow screens.

import { announce } from "./announcer.js";
import { showDialog } from "./dialogs.js";
import { element, fill } from "./dom.js";
import { icon } from "./icons.js";
import { errorNotice } from "./notices.js";
import { themeSwitch } from "./theme.js";

/**
 * Shows one view at a time, by the fragment of the address (`#/chat`).
 *
 * views: each `{name, label, icon, open}`; `open` gives a promise of the element that is the view, and is
 * called once, when the view is first wanted. A view hears an event `shown` whenever it comes to the front.
 */
export class Shell {
  #views;
  #opened = new Map();
  #links = new Map();
  #current = null;

  constructor(views) {
    this.#views = views;
    this.#buildSidebar();
    this.#buildMenu();
    document.querySelector(".skip-link").addEventListener("click", (event) => {
      event.preventDefault(); // fragments of the address are views
      document.getElementById("content").focus();
    });
    globalThis.addEventListener("hashchange", () => this.#route({ isFirst: false }));
    this.#route({ isFirst: true });
  }

  #buildSidebar() {
    for (const view of this.#views) {
      this.#links.set(view.name, element("a", { href: `#/${view.name}` }, icon(view.icon), view.label));
    }
    fill(document.getElementById("views"), [...this.#links.values()]);
    fill(
      document.getElementById("sidebar-footer"),
      themeSwitch(),
      element(
        "p",
        { class: "privacy" },
        "What you write and add goes to this server. The page loads nothing from elsewhere.",
      ),
    );
  }

  #buildMenu() {
    const button = document.getElementById("menu-button");
    const sidebar = document.getElementById("sidebar");
    const place = sidebar.parentElement;
    button.append(icon("menu"));
    button.addEventListener("click", () => {
      const drawer = element("dialog", { class: "drawer", "aria-label": "Menu" }, sidebar);
      drawer.addEventListener("close", () => place.append(sidebar));
      showDialog(drawer);
    });
    sidebar.addEventListener("leave-menu", closeMenu); // by what leads to no other view
    globalThis.matchMedia("(min-width: 52rem)").addEventListener("change", closeMenu);
  }

  async #route({ isFirst }) {
    closeMenu(); // at once: nothing behind it can take the focus
    const name = location.hash.replace(/^#\/?/, "").split("/")[0];
    const view = this.#views.find((each) => each.name === name) ?? this.#views[0];
    const isSame = view === this.#current;
    this.#current = view;
    for (const [each, link] of this.#links) {
      if (each === view.name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.documentElement.dataset.view = view.name;
    document.title = `${view.label} · GPT4All`;
    document.getElementById("view-title").textContent = view.label;
    const opened = await this.#open(view);
    if (this.#current !== view) return; // another one was wanted meanwhile
    for (const each of this.#opened.values()) each.hidden = each !== opened;
    opened.dispatchEvent(new Event("shown"));
    // Within a view its own links move the focus.
    if (!isFirst && !isSame) {
      document.getElementById("content").focus({ preventScroll: true });
      announce(view.label);
    }
  }

  async #open(view) {
    const known = this.#opened.get(view.name);
    if (known) return known;
    let made;
    try {
      made = await view.open();
    } catch (error) {
      console.error(error);
      const again = () => {
        this.#opened.get(view.name)?.remove();
        this.#opened.delete(view.name);
        this.#route({ isFirst: false });
      };
      made = element(
        "div",
        { class: "empty-state" },
        errorNotice(error, { title: `${view.label} cannot be shown`, retry: again }),
      );
    }
    // Two calls may have waited for the same view.
    if (this.#opened.has(view.name)) return this.#opened.get(view.name);
    made.classList.add("view");
    this.#opened.set(view.name, made);
    document.getElementById("content").append(made);
    return made;
  }
}

function closeMenu() {
  document.getElementById("sidebar").closest("dialog")?.close();
}
