// What the view of documents has for others: the choice of collections, and the passage behind a number.

/**
 * The parts, loaded when a view first wants them; null where this page has no documents.
 *
 * picker: gives the element that chooses collections. openPassage: shows the passage of a reference.
 */
export async function documentParts(api) {
  const documents = await import("./documents/index.js").catch((error) => console.warn(error));
  if (!documents) return { picker: () => null, openPassage: () => {} };
  return {
    picker: (selected, onChange) => documents.collectionPicker(api, { selected, onChange }),
    openPassage: (reference) => documents.openPassage(api, reference),
  };
}
