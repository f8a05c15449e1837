// One answer of a model, as it comes.

/**
 * What is known of an answer.
 *
 * state: "waiting" until the first token, "writing", then "done" or "stopped". times are milliseconds from
 * the question on. usage: as the server counted, null before the end and for what was stopped.
 */
function newAnswer() {
  return {
    state: "waiting",
    text: "",
    thought: "",
    references: [],
    isRefused: false,
    finish: null,
    usage: null,
    firstMs: null,
    totalMs: null,
  };
}

/**
 * Ask for an answer and follow it to its end.
 *
 * request: the body for `/v1/chat/completions`, without `stream`. onChange: called with the answer after each
 * piece. Gives the finished answer; stopping it by the signal finishes it, too. Throws ApiError.
 */
export async function followAnswer(api, request, { signal, onChange = () => {} }) {
  const answer = newAnswer();
  const started = performance.now();
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  try {
    for await (const { data } of api.events("/v1/chat/completions", body, { signal })) {
      take(answer, data, performance.now() - started);
      onChange(answer);
    }
    answer.state = "done";
  } catch (error) {
    if (!signal?.aborted) throw error;
    answer.state = "stopped";
  }
  answer.totalMs = performance.now() - started;
  onChange(answer);
  return answer;
}

const FEWEST_TOKENS = 8; // that say something of speed: quotations of a word or two come in one piece

/** Tokens a second once the first was there; null where that cannot be told. */
export function tokensPerSecond({ usage, firstMs, totalMs }) {
  const tokens = usage?.completion_tokens ?? 0;
  if (tokens < FEWEST_TOKENS || firstMs === null || totalMs <= firstMs) return null;
  return (tokens - 1) / ((totalMs - firstMs) / 1000);
}

function take(answer, chunk, ms) {
  const [choice] = chunk.choices ?? [];
  const { content, reasoning_content: thought } = choice?.delta ?? {};
  if (content || thought) {
    answer.firstMs ??= ms;
    answer.state = "writing";
    answer.text += content ?? "";
    answer.thought += thought ?? "";
  }
  if (choice?.finish_reason) answer.finish = choice.finish_reason;
  if (chunk.references) answer.references = chunk.references;
  if (chunk.refused) answer.isRefused = true;
  if (chunk.usage) answer.usage = chunk.usage;
}
