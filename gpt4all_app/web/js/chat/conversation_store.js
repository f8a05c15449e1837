// Where conversations are kept: this browser's IndexedDB. They go nowhere else.

const DATABASE = "gpt4all";
const STORE = "conversations";

/** Conversations on this disk. Each method throws Error where the browser keeps nothing. */
export class ConversationStore {
  #database = null;

  /** All of them, the one that was spoken last first. */
  async all() {
    const found = await this.#run("readonly", (store) => store.getAll());
    return found.sort((one, other) => other.updated - one.updated);
  }

  async put(conversation) {
    await this.#run("readwrite", (store) => store.put(conversation));
  }

  async delete(id) {
    await this.#run("readwrite", (store) => store.delete(id));
  }

  async #run(mode, work) {
    this.#database ??= await openDatabase();
    const transaction = this.#database.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(notKept(transaction.error));
      transaction.onabort = () => reject(notKept(transaction.error));
    });
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(notKept(opening.error));
  });
}

function notKept(error) {
  return new Error(
    `The browser does not keep conversations (${error?.name ?? "no reason told"}); export what you need.`,
  );
}
