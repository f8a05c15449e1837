// Elements from plain calls. Text only ever becomes text nodes: nothing here, nor anywhere in the page,
// parses HTML.

/**
 * An element with attributes and children.
 *
 * attributes: as HTML names them (`class`, `for`, `aria-label`); a function under a name such as `onclick`
 * listens; `dataset` is an object; true is an empty attribute, and null, undefined or false is none.
 * children: nodes and texts, in arrays of any depth; null, undefined and false are left out.
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) setAttribute(node, name, value);
  node.append(...present(children));
  return node;
}

/** Put these in the place of all that a node holds. */
export function fill(node, ...children) {
  node.replaceChildren(...present(children));
}

/** Children as `append` takes them. */
function present(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

function setAttribute(node, name, value) {
  if (name === "style") throw new TypeError("style attributes are barred by the page's policy; use a class");
  if (value === null || value === undefined || value === false) return;
  if (name === "dataset") Object.assign(node.dataset, value);
  else if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
  else node.setAttribute(name, value === true ? "" : String(value));
}

let lastId = 0;

/** An id that no other element of the page has. */
export function newId(kind) {
  lastId += 1;
  return `${kind}-${lastId}`;
}
