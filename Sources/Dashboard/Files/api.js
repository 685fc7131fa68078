// Talks to the gateway: questions, and server-sent events over fetch, since EventSource can send no key.

/** Where the gateway's paths begin: behind a proxy perhaps not at the root. This file lies one folder below. */
const root = new URL("../", import.meta.url);
const longestPauseMilliseconds = 10_000;
const patienceMilliseconds = 10_000;
const keyName = "gateway-key";

export class ProblemError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function useKey(key) {
  sessionStorage.setItem(keyName, key);
}

function headers(extra = {}) {
  const key = sessionStorage.getItem(keyName);
  return key ? { ...extra, Authorization: `Bearer ${key}` } : extra;
}

async function problem(response) {
  const body = await response.json().catch(() => ({}));
  return new ProblemError(response.status, typeof body.detail === "string" ? body.detail : `status ${response.status}`);
}

/** The JSON of a path, which is relative to the gateway's root. Throws `ProblemError` with what the gateway says is wrong. */
export async function ask(path) {
  const response = await fetch(new URL(path, root), {
    headers: headers({ Accept: "application/json" }), cache: "no-store", signal: AbortSignal.timeout(patienceMilliseconds),
  });
  if (!response.ok) throw await problem(response);
  return response.json();
}

const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });

/**
 * Follows a stream until `signal` aborts: comes back after every break, after longer and longer pauses, with the last id
 * it has seen. `onEvent(name, data)` gets each event, `onState("live" | "wait" | "lost", detail, status)` what becomes of the stream.
 * Source of the format: WHATWG HTML, section "Server-sent events".
 */
export async function follow(path, signal, onEvent, onState) {
  let lastID = "";
  let attempt = 0;
  while (!signal.aborted) {
    try {
      const response = await fetch(new URL(path, root), {
        headers: headers({ Accept: "text/event-stream", ...(lastID && { "Last-Event-ID": lastID }) }), cache: "no-store", signal,
      });
      if (!response.ok) throw await problem(response);
      onState("live");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        attempt = 0;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          let name = "message";
          const data = [];
          for (const line of part.split("\n")) {
            if (line.startsWith("event: ")) name = line.slice(7);
            else if (line.startsWith("data: ")) data.push(line.slice(6));
            else if (line.startsWith("id: ")) lastID = line.slice(4);
          }
          if (data.length > 0) onEvent(name, JSON.parse(data.join("\n")));
          else if (name !== "message") onEvent(name, null);
        }
      }
      if (!signal.aborted) onState("wait", "the gateway closed the stream");
    } catch (error) {
      if (signal.aborted) return;
      onState("lost", error instanceof ProblemError ? error.message : "the gateway does not answer", error.status);
    }
    attempt += 1;
    await pause(Math.random() * Math.min(longestPauseMilliseconds, 250 * 2 ** attempt) + 250, signal);
  }
}
