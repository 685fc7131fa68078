// What every page has: the state of its connection, and the form for the gateway's key.

import { useKey } from "./api.js";
import { byId, setText } from "./format.js";

/** Shows what has become of the connection: `state` "live", "wait" or "lost", with the reason and the HTTP status. */
export function showConnection(state, detail = "", status = 0) {
  const pill = byId("connection");
  pill.dataset.state = state;
  setText(pill, { live: "live", wait: "connecting", lost: "no connection" }[state]);
  pill.title = detail;
  if (status === 401) byId("key-form").hidden = false;
  const notice = byId("notice");
  notice.hidden = state !== "lost" || status === 401;
  setText(notice, detail ? `${detail.charAt(0).toUpperCase()}${detail.slice(1)}. Trying again.` : "");
}

/** Calls `start` with every key that the person gives. */
export function onKey(start) {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey(byId("key").value);
    byId("key").value = "";
    byId("key-form").hidden = true;
    start();
  });
}
