// One WebSocket to the chat room, opened again when the worker behind it is reloaded.

const RETRY_MILLISECONDS = 500;
const MOST_LINES = 500;

const log = document.getElementById("log");
const status = document.getElementById("status");
const form = document.getElementById("say");
let socket = null;

form.elements.name.value =
  sessionStorage.getItem("name") ?? `guest-${Math.random().toString(36).slice(2, 5)}`;

function connect() {
  const url = new URL("ws/chat", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("name", form.elements.name.value);
  socket = new WebSocket(url);
  socket.onopen = () => { status.textContent = "connected"; };
  socket.onmessage = (event) => add(JSON.parse(event.data));
  socket.onclose = (event) => {
    status.textContent = `closed (${event.code} ${event.reason || "no reason"}), connecting again`;
    setTimeout(connect, RETRY_MILLISECONDS);
  };
}

// What members write goes into text nodes only, never into HTML.
function add(message) {
  const line = document.createElement("li");
  if (message.event === "said") {
    const name = document.createElement("b");
    name.textContent = message.name;
    line.append(name, `: ${message.text}`);
  } else {
    line.className = "event";
    line.textContent = `${message.name} ${message.event}, ${message.members} here`;
    status.textContent = `connected, ${message.members} here`;
  }
  log.append(line);
  while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(form.elements.text.value);
  form.elements.text.value = "";
});

// The name belongs to the connection, so a new name is a new connection.
form.elements.name.addEventListener("change", () => {
  sessionStorage.setItem("name", form.elements.name.value);
  socket.close(1000, "new name");
});

connect();
