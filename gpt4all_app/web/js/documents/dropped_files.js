// The files in what was dropped on the page or chosen in a dialog, folders walked.

/** Of one drop; more are better served by a folder that the server watches. */
export const MOST_FILES = 10_000;

/**
 * @typedef {{path: string, file: File}} ChosenFile its path begins at what was chosen, with `/` between
 * @typedef {{files: ChosenFile[], hidden: number, isCut: boolean}} Chosen
 *   hidden: files and folders left out because their names begin with a dot. isCut: there were more files.
 */

/**
 * Has to be called while the event is handled: afterwards the browser tells nothing of what was dropped.
 * @param {DataTransfer} transfer
 * @returns {Promise<Chosen>}
 */
export function droppedFiles(transfer) {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
  // Files that a program made have no entries.
  return entries.length > 0 ? walk(entries) : Promise.resolve(chosenFiles(transfer.files));
}

/**
 * What a file chooser gives, of files or of a folder.
 * @param {FileList} list
 * @returns {Chosen}
 */
export function chosenFiles(list) {
  const all = Array.from(list, (file) => ({ path: file.webkitRelativePath || file.name, file }));
  const visible = all.filter(({ path }) => !isHidden(path));
  return {
    files: visible.slice(0, MOST_FILES),
    hidden: all.length - visible.length,
    isCut: visible.length > MOST_FILES,
  };
}

async function walk(entries) {
  const chosen = { files: [], hidden: 0, isCut: false };
  const waiting = entries.toReversed();
  while (waiting.length > 0) {
    const entry = waiting.pop();
    const path = entry.fullPath.replace(/^\//u, "");
    if (entry.isFile && chosen.files.length === MOST_FILES) {
      chosen.isCut = true;
      break;
    }
    if (isHidden(path)) chosen.hidden += 1;
    else if (entry.isDirectory) waiting.push(...(await entriesOf(entry)).toReversed());
    else chosen.files.push({ path, file: await fileOf(entry) });
  }
  return chosen;
}

/** A file that was dropped by itself is meant, whatever its name; those in folders come along unasked. */
function isHidden(path) {
  return path
    .split("/")
    .slice(1)
    .some((name) => name.startsWith("."));
}

async function entriesOf(directory) {
  const reader = directory.createReader();
  const entries = [];
  // Browsers tell a hundred at a time, and an empty list at the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return entries.sort((one, other) => one.name.localeCompare(other.name));
    entries.push(...some);
  }
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
