// Work in progress: what is done, how much of it, and a button that ends it.

import { element, fill } from "../dom.js";

/** label: of the bar, for screen readers. end: what the button says. onEnd: called once, when it is pressed. */
export function workBar({ label, end, onEnd }) {
  const text = element("p", { class: "work-text" }, `${label} …`);
  const detail = element("p", { class: "work-detail hint" });
  const bar = element("progress", { max: "1", "aria-label": label });
  const button = element("button", { class: "button small", type: "button" }, end);
  button.addEventListener(
    "click",
    () => {
      button.setAttribute("aria-disabled", "true"); // disabled, it would lose the focus
      onEnd();
    },
    { once: true },
  );
  return {
    node: element(
      "div",
      { class: "work" },
      element("div", { class: "work-head" }, text, button),
      bar,
      detail,
    ),
    /** share: 0 to 1; null where nobody knows. file: the one that is worked on. */
    show({ share, says, file = "" }) {
      text.textContent = says;
      if (share === null) bar.removeAttribute("value");
      else bar.value = share;
      fill(detail, element("bdi", {}, file));
    },
  };
}
