// What the rest of the page uses of the documents.

export { collectionPicker } from "./collection_picker.js";
export { documentsView } from "./documents_view.js";
export { openPassage } from "./passage_dialog.js";
