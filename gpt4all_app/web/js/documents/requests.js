// What the documents page asks the server for: collections, their files, their index, passages.

const COLLECTIONS = "/v1/collections";

const addressOf = (collection) => `${COLLECTIONS}/${encodeURIComponent(collection)}`;

export const listCollections = async (api, { signal } = {}) => (await api.get(COLLECTIONS, { signal })).data;

export const readCollection = (api, collection) => api.get(addressOf(collection));

/** folder: a path of the server's computer; empty for a collection of uploaded files only. */
export function createCollection(api, name, folder = "") {
  return api.post(COLLECTIONS, folder ? { id: name, folder } : { id: name });
}

/** Make one of this name; where somebody else has it already, with some letters behind it. */
export async function createCollectionLike(api, name) {
  try {
    return await createCollection(api, name);
  } catch (error) {
    if (error.code !== "collection_exists") throw error;
    const [number] = crypto.getRandomValues(new Uint32Array(1));
    return createCollection(api, `${name}-${number.toString(36)}`);
  }
}

export const deleteCollection = (api, collection) => api.delete(addressOf(collection));

export async function listFiles(api, collection, { signal } = {}) {
  return (await api.get(`${addressOf(collection)}/files`, { signal })).data;
}

/**
 * Send `{path, file}` in one request; gives what became of each, in order. The server keeps the last part of
 * names only, and of two alike the later one: the folders become part of the name.
 */
export async function uploadFiles(api, collection, files, { signal } = {}) {
  const form = new FormData();
  for (const { path, file } of files) form.append("files", file, path.replaceAll("/", " › "));
  return (await api.upload(`${addressOf(collection)}/files`, form, { signal })).data;
}

export function deleteFile(api, collection, fileId) {
  return api.delete(`${addressOf(collection)}/files/${encodeURIComponent(fileId)}`);
}

/** The events of a sync: `progress`, at the end `report`. Joins the one that runs. */
export function syncEvents(api, collection, { signal } = {}) {
  return api.events(`${addressOf(collection)}/sync`, { stream: true }, { signal });
}

export const stopSync = (api, collection) => api.delete(`${addressOf(collection)}/sync`);

export const makeMap = (api, collection, { signal } = {}) =>
  api.post(`${addressOf(collection)}/map`, {}, { signal });

/** mode: "hybrid", "vector" or "keyword". */
export async function searchPassages(api, text, { collection, limit, mode, signal }) {
  return (await api.post("/v1/chunks", { text, limit, mode, collections: [collection] }, { signal })).data;
}

export const readPassage = (api, passageId, { signal } = {}) =>
  api.get(`/v1/passages/${encodeURIComponent(passageId)}`, { signal });
