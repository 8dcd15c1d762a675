// The cards that a plain link cannot show: one function per form, chosen by its data-room attribute.

function socketUrl(path) {
  const url = new URL(path, document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

async function ask(form, show) {
  show("asking…");
  const answer = await fetch(form.action);
  const text = await answer.text();
  show(answer.ok ? text : `${answer.status}: ${text}`);
}

async function echo(form, show) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(form.action, { method: "POST", headers, body: form.elements.json.value });
  show(answer.ok ? await answer.text() : `${answer.status}: that is not JSON`);
}

async function upload(form, show) {
  show("hashing…");
  const answer = await fetch(form.action, { method: "POST", body: form.elements.file.files[0] });
  const { bytes, sha256 } = await answer.json();
  show(`${bytes.toLocaleString()} bytes\nsha256 ${sha256}`);
}

// The browser itself connects again when the stream ends, and sends the last id that it saw.
let events = null;

function clock(form, show) {
  const button = form.querySelector("button");
  if (events) {
    events.close();
    events = null;
    button.textContent = "Start";
    return;
  }
  button.textContent = "Stop";
  events = new EventSource(form.action);
  events.onmessage = (event) => show(`#${event.lastEventId}  ${event.data}`);
  events.addEventListener("draining", (event) => show(event.data));
}

let socket = null;

function websocket(form, show) {
  const text = form.elements.text.value;
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(text);
    return;
  }
  socket = new WebSocket(socketUrl(form.getAttribute("action")));
  socket.onopen = () => socket.send(text);
  socket.onmessage = (event) => show(event.data);
  socket.onclose = (event) => show(`closed, code ${event.code}`);
}

// The server learns of a hang-up from the network, and the workers from each other, a moment later.
const LOOK_MILLISECONDS = 100;
const LOOKS = 30;

async function cancellations(form) {
  return (await (await fetch(form.dataset.count)).json()).cancelled;
}

async function slow(form, show) {
  const start = form.querySelector("button");
  const cancel = form.elements.cancel;
  const hangUp = new AbortController();
  cancel.onclick = () => hangUp.abort();
  start.disabled = true;
  cancel.disabled = false;
  const before = await cancellations(form);
  show("waiting for 10 seconds…");
  try {
    const answer = await fetch(form.action, { signal: hangUp.signal });
    show(await answer.text());
  } catch {
    let after = before;
    for (let look = 0; look < LOOKS && after === before; look += 1) {
      await new Promise((later) => setTimeout(later, LOOK_MILLISECONDS));
      after = await cancellations(form);
    }
    show(`hung up; cancelled on all workers so far: ${after}`);
  }
  start.disabled = false;
  cancel.disabled = true;
}

const rooms = { ask, echo, upload, clock, websocket, slow };

for (const form of document.querySelectorAll("form[data-room]")) {
  const output = form.parentElement.querySelector("output");
  const show = (text) => { output.textContent = text; };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await rooms[form.dataset.room](form, show);
    } catch (error) {
      show(`${error}`);
    }
  });
}
