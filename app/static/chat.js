// One WebSocket to the chat room, opened again when the worker behind it is reloaded.
//
// A message has an id, and is said again after each reconnection until it has come back. What was said meanwhile comes
// with the last messages, of which the ids tell those that are here already.

const RETRY_MILLISECONDS = 300;
const MOST_LINES = 500;

const log = document.getElementById("log");
const status = document.getElementById("status");
const form = document.getElementById("say");
const lines = new Map();
const unheard = new Map();
let socket = null;
let ready = false;

form.elements.name.value =
  sessionStorage.getItem("name") ?? `guest-${Math.random().toString(36).slice(2, 5)}`;

function connect() {
  const url = new URL("ws/chat", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("name", form.elements.name.value);
  socket = new WebSocket(url);
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = (event) => {
    ready = false;
    status.textContent = `closed (${event.code} ${event.reason || "no reason"}), connecting again`;
    setTimeout(connect, RETRY_MILLISECONDS);
  };
}

function hear(message) {
  if (message.event === "said") {
    show(message).classList.remove("unheard");
    unheard.delete(message.id);
  } else if (message.event === "ready") {
    ready = true;
    for (const text of unheard.values()) socket.send(text);
  } else if (message.event === "here") {
    status.textContent = `connected, ${message.members} here: ${message.names.join(", ")}`;
  }
}

// What members write goes into text nodes only, never into HTML.
function show(message) {
  const known = lines.get(message.id);
  if (known) return known;
  const line = document.createElement("li");
  const name = document.createElement("b");
  name.textContent = message.name;
  line.append(name, `: ${message.text}`);
  log.append(line);
  lines.set(message.id, line);
  while (log.childElementCount > MOST_LINES) {
    const [oldest, first] = lines.entries().next().value;
    lines.delete(oldest);
    first.remove();
  }
  log.scrollTop = log.scrollHeight;
  return line;
}

function say(text) {
  const id = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const message = JSON.stringify({ id, text });
  unheard.set(id, message);
  show({ id, name: form.elements.name.value, text }).classList.add("unheard");
  if (ready) socket.send(message);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  say(form.elements.text.value);
  form.elements.text.value = "";
});

// The name belongs to the connection, so a new name is a new connection.
form.elements.name.addEventListener("change", () => {
  sessionStorage.setItem("name", form.elements.name.value);
  socket.close(1000, "new name");
});

connect();
