// Files and why they are not as somebody wanted.

import { element } from "../dom.js";
import { counted } from "../format.js";
import { visibleName } from "./visible_text.js";

/** All of more are counted; the list is read, not searched. */
const MOST_SHOWN = 200;

/** files: `{name, says}` each; `state` where it is told, too. */
export function fileReasons(files) {
  const left = files.length - MOST_SHOWN;
  return element(
    "ul",
    { class: "file-reasons" },
    files
      .slice(0, MOST_SHOWN)
      .map(({ name, state, says }) =>
        element(
          "li",
          {},
          element("bdi", {}, visibleName(name)),
          state && ` (${state})`,
          says && [": ", element("bdi", {}, visibleName(says))],
        ),
      ),
    left > 0 && element("li", {}, `and ${counted(left, "file")} more`),
  );
}
