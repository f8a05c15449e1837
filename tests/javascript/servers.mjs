// Starts servers for tests, each a program of its own that ends with them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";

const HERE = dirname(fileURLToPath(import.meta.url));
const TESTS = dirname(HERE);
const PYTHON = process.env.PYTHON ?? join(TESTS, "..", ".venv", "bin", "python");

/** `gpt4all serve` with the starter model, which wants the key "right". */
export async function startProgram() {
  const home = await mkdtemp(join(tmpdir(), "gpt4all-"));
  const server = await start(["-m", "gpt4all_app", "serve", "--port", "0", "--model", "smollm2-135m-instruct"], {
    HOME: home,
    GPT4ALL_HOME: home,
    GPT4ALL_API_KEY: "right",
  });
  return { ...server, close: () => server.close().finally(() => rm(home, { recursive: true, force: true })) };
}

/** Models that say what is written in scripted_server.py. */
export function startScripted() {
  return start([join(HERE, "scripted_server.py")], {
    PYTHONPATH: [TESTS, join(TESTS, "app", "server")].join(":"),
  });
}

/** The lines of both outputs are what `heard` waits for. */
async function start(parameters, variables) {
  const process_ = spawn(PYTHON, parameters, { env: { ...process.env, ...variables } });
  const lines = [];
  const waiting = new Set();
  for (const output of [process_.stdout, process_.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const ended = once(process_, "close");

  /** The match of the next line like this; a line is heard once. */
  const heard = (pattern) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const index = lines.findIndex((line) => pattern.test(line));
        if (index < 0) return;
        waiting.delete(look);
        resolve(lines.splice(index, 1)[0].match(pattern));
      };
      waiting.add(look);
      ended.then(() => reject(new Error(`the server ended:\n${lines.join("\n")}`)));
      look();
    });

  const [, baseURL] = await heard(/listening on (\S+)/);
  return {
    heard,
    connect: (apiKey = "right") => new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 120_000 }),
    async close() {
      process_.stdin.end();
      process_.kill("SIGTERM");
      await ended;
    },
  };
}
