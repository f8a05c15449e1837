// Server-sent events out of the body of an answer, as the HTML standard describes them.

/** The events of a stream of bytes: `{event, data}`, both texts; those without data are left out. */
export async function* serverEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may have ended in an error, which read() told
  }
}

/** Puts the lines of a stream together, however it was cut. */
export class EventParser {
  #rest = "";
  #event = "";
  #data = [];

  /** The events that are complete with this text. */
  *push(text) {
    // A carriage return at the end may be the first half of a line end.
    const whole = this.#rest + text;
    const isHalf = whole.endsWith("\r");
    const lines = (isHalf ? whole.slice(0, -1) : whole).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + (isHalf ? "\r" : "");
    for (const line of lines) {
      const event = this.#take(line);
      if (event) yield event;
    }
  }

  #take(line) {
    if (line === "") return this.#dispatch();
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    if (name === "data") this.#data.push(value ?? "");
    else if (name === "event") this.#event = value ?? "";
    return null;
  }

  #dispatch() {
    const event = this.#data.length ? { event: this.#event || "message", data: this.#data.join("\n") } : null;
    this.#event = "";
    this.#data = [];
    return event;
  }
}
