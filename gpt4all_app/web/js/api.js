// The server's addresses: JSON in and out, streams of events, and the key that it may ask for.

import { serverEvents } from "./server_events.js";

const KEY = "gpt4all.api-key";

/** What the server refused, in its own words. status: of HTTP; 0 where it was not reached. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = null, param = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.param = param;
  }

  /** Whether nobody answered at all. */
  get isUnreachable() {
    return this.status === 0;
  }
}

/**
 * Talks to the server that this page came from.
 *
 * askForKey: called where the server wants a key; gives a promise of one, or of null. The key lasts as long
 * as the tab: sessionStorage, which no other tab reads.
 */
export class Api {
  #askForKey;
  #asking = null;

  constructor({ askForKey }) {
    this.#askForKey = askForKey;
  }

  async get(path, { signal } = {}) {
    return (await this.#send("GET", path, { signal })).json();
  }

  async post(path, body, { signal } = {}) {
    return (await this.#send("POST", path, { body: JSON.stringify(body), signal })).json();
  }

  async delete(path, { signal } = {}) {
    return (await this.#send("DELETE", path, { signal })).json();
  }

  /** Send files: a FormData. */
  async upload(path, form, { signal } = {}) {
    return (await this.#send("POST", path, { body: form, signal })).json();
  }

  /** The events of a stream, `{event, data}` with the data read as JSON. Throws the error a stream ends in. */
  async *events(path, body, { signal } = {}) {
    const response = await this.#send("POST", path, { body: JSON.stringify(body), signal });
    try {
      for await (const { event, data } of serverEvents(response.body)) {
        if (data === "[DONE]") return;
        const parsed = JSON.parse(data);
        if (parsed.error?.message) throw new ApiError(parsed.error.message, { ...parsed.error, status: 500 });
        yield { event, data: parsed };
      }
    } catch (error) {
      if (error instanceof TypeError) throw unreachable("The connection to the server broke off.");
      throw error;
    }
  }

  async #send(method, path, { body, signal }) {
    for (;;) {
      const key = sessionStorage.getItem(KEY);
      const response = await this.#fetch(path, { method, body, signal, headers: headersFor(key, body) });
      if (response.ok) return response;
      const error = await errorOf(response);
      if (response.status !== 401 || !(await this.#newKey(key, error))) throw error;
    }
  }

  async #fetch(path, options) {
    try {
      return await fetch(path, { ...options, cache: "no-store", redirect: "error" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw unreachable("The server does not answer.");
    }
  }

  /** Whether there is another key than the one that was refused; several requests ask together. */
  async #newKey(refused, error) {
    if (sessionStorage.getItem(KEY) !== refused) return true;
    this.#asking ??= this.#askForKey({ wasRefused: refused !== null, message: error.message });
    const key = await this.#asking;
    this.#asking = null;
    if (key === null) return false;
    sessionStorage.setItem(KEY, key);
    return true;
  }
}

function headersFor(key, body) {
  const headers = {};
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  return headers;
}

function unreachable(what) {
  return new ApiError(`${what} Start it again with: gpt4all serve`);
}

async function errorOf(response) {
  const body = await response.json().catch(() => null);
  const message = body?.error?.message ?? `The server answered ${response.status} ${response.statusText}.`;
  return new ApiError(message, {
    code: body?.error?.code,
    param: body?.error?.param,
    status: response.status,
  });
}
