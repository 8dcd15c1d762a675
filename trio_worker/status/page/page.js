// The page of the status: what /events sends once a second, drawn. Whatever a client has sent becomes text, never
// markup: everything is made by `make` and `textContent`.
"use strict";

const $ = (id) => document.getElementById(id);
const HISTORY = 60; // Seconds that the charts show,
const WINDOW = 10; // and seconds that percentiles are made of.
const seen = new Map(); // The last states of each worker by its number.
let token = sessionStorage.getItem("token") || "";
let unlocked = false;
let bounds = [];
let opened = null; // The id of the request that is open.

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "polyline", "polygon"].includes(name);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

// Keep an element for each item, so that focus and scrolling stay where they are.
function sync(parent, items, key, create, update) {
  const old = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  items.forEach((item, at) => {
    const name = String(key(item));
    let element = old.get(name);
    old.delete(name);
    if (!element) {
      element = create(item);
      element.dataset.key = name;
    }
    if (parent.children[at] !== element) parent.insertBefore(element, parent.children[at] || null);
    if (update) update(element, item);
  });
  old.forEach((element) => element.remove());
}

const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const seconds = (value) => (value < 10 ? `${value.toFixed(1)} s` : value < 120 ? `${Math.round(value)} s` : `${Math.floor(value / 60)} min`);
const number = (value) => (value < 10 ? String(Math.round(value * 10) / 10) : Math.round(value).toLocaleString("en"));
function micros(value) {
  if (value === null) return "–";
  if (value < 1000) return `${Math.round(value)} µs`;
  return value < 1e6 ? `${number(value / 1000)} ms` : `${number(value / 1e6)} s`;
}

// The time that so many of the requests were faster than, between two bounds by their share.
function percentile(counts, share) {
  const wanted = sum(counts) * share;
  if (!wanted) return null;
  let below = 0;
  for (let at = 0; at < counts.length; at++) {
    if (below + counts[at] >= wanted) {
      const low = at ? bounds[at - 1] : 0;
      const high = bounds[at] ?? low * 2;
      return low + ((high - low) * (wanted - below)) / counts[at];
    }
    below += counts[at];
  }
  return null;
}

const minus = (a, b) => a.map((value, at) => Math.max(0, value - b[at]));

function remember(worker, now) {
  const states = seen.get(worker.id) || [];
  const last = states[states.length - 1];
  const taken = last ? Math.max(0.001, now - last.now) : 1;
  const state = { ...worker, now, rate: 0, failing: 0, busy: 0 };
  if (last) {
    state.rate = sum(minus(worker.times, last.times)) / taken;
    state.failing = Math.max(0, worker.errors - last.errors) / taken;
    state.busy = last.pid === worker.pid ? Math.max(0, worker.cpu - last.cpu) / taken : 0;
  }
  states.push(state);
  if (states.length > HISTORY) states.shift();
  seen.set(worker.id, states);
  const first = states[Math.max(0, states.length - 1 - WINDOW)];
  state.window = minus(worker.times, first.times);
  return state;
}

function chart(name) {
  const lines = make("svg", { viewBox: "0 0 60 20", preserveAspectRatio: "none", "aria-hidden": "true" }, make("polygon"), make("polyline"));
  return make("div", { class: name }, `${name} `, make("b"), lines);
}

function draw(element, states, value, text) {
  const values = states.map(value);
  const top = Math.max(...values, 1e-9);
  const start = HISTORY - values.length;
  const points = values.map((each, at) => `${start + at},${(20 - (each / top) * 18).toFixed(1)}`).join(" ");
  element.querySelector("polyline").setAttribute("points", points);
  element.querySelector("polygon").setAttribute("points", `${start},20 ${points} ${HISTORY - 1},20`);
  say(element.querySelector("b"), text);
}

function workerCard(worker) {
  const title = make("strong", {}, `Worker ${worker.id}`);
  const names = ["requests/s", "memory", "loop lag", "CPU"];
  return make("li", {},
    make("div", { class: "head" }, title, make("span", { class: "state" }), make("span", { class: "acts" })),
    make("div", { class: "charts" }, ...names.map(chart)), make("p", { class: "facts" }));
}

function showWorker(card, state) {
  const states = seen.get(state.id);
  const label = card.querySelector(".state");
  say(label, state.state);
  label.className = `state ${state.state === "not answering" ? "silent" : state.state}`;
  const [rate, memory, lag, busy] = card.querySelectorAll(".charts > div");
  draw(rate, states, (each) => each.rate, number(state.rate));
  draw(memory, states, (each) => each.resident, `${Math.round(state.resident / 1048576)} MiB`);
  draw(lag, states, (each) => each.lag, micros(state.lag));
  draw(busy, states, (each) => each.busy, `${Math.round(state.busy * 100)} %`);
  const up = state.started ? seconds(Math.max(0, state.now - state.started)) : "–";
  say(card.querySelector(".facts"), `${state.running} running · ${state.connections} connections · p50 ${micros(percentile(state.window, 0.5))} · ` +
    `p99 ${micros(percentile(state.window, 0.99))} · process ${state.pid || "–"} for ${up}`);
  sync(card.querySelector(".acts"), unlocked && state.pid ? ["drain"] : [], (each) => each, () =>
    make("button", { type: "button", "aria-label": `Drain worker ${state.id}`, onclick: () => act(`drain?worker=${state.id}`, `Drain worker ${state.id}? It is replaced.`) }, "Drain"));
}

function place(line) {
  return line ? `${line.file.split("/").slice(-2).join("/")}:${line.line} in ${line.function}` : "";
}

function requestRow(request) {
  const open = make("button", { type: "button", class: "link", onclick: () => openRequest(request) }, `${request.method} ${request.path}`);
  return make("tr", {}, make("td"), make("td", {}, open, make("div", { class: "facts" })),
    make("td", {}, make("code", { class: "code" }), make("span", { class: "facts" })), make("td"), make("td"));
}

const isSession = (request) => request.protocol === "websocket";

function counts(request) {
  const messages = isSession(request) ? [`messages: ${request.messages_in} in, ${request.messages_out} out`] : [request.protocol];
  return [...messages, request.begun ? `bytes sent: ${request.sent}` : "", request.cancelled ? "cancelled" : ""];
}

function showRequest(row, request) {
  const [age, what, where, client, worker] = row.children;
  say(age, seconds(request.age));
  say(what.querySelector(".facts"), [request.route, ...counts(request)].filter(Boolean).join(" · "));
  say(where.querySelector(".code"), request.waits_at ? request.waits_at.code : "");
  say(where.querySelector(".facts"), place(request.waits_at));
  say(client, request.client || "–");
  say(worker, String(request.worker));
}

function pastEntry(entry) {
  const why = [entry.cause, entry.status || "", micros(entry.micros), entry.client, `worker ${entry.worker}`, new Date(entry.at * 1000).toLocaleTimeString("en-GB")];
  return make("li", {}, `${entry.method} ${entry.path}`, ...(entry.error ? [make("code", { class: "code error" }, entry.error)] : []),
    make("span", { class: "facts" }, why.filter(Boolean).join(" · ")));
}

// What scrolls is scrolled by the keyboard too, when it has the focus; what does not is no stop on its way.
function reach(element) {
  const scrolls = element.scrollHeight > element.clientHeight || element.scrollWidth > element.clientWidth;
  if (scrolls) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
}

function show(state) {
  bounds = state.bounds;
  say($("version"), state.version);
  const workers = state.workers.map((worker) => remember(worker, state.now));
  const window = workers.reduce((total, each) => total.map((value, at) => value + each.window[at]), new Array(bounds.length + 1).fill(0));
  say($("rate"), number(sum(workers.map((each) => each.rate))));
  say($("p50"), micros(percentile(window, 0.5)));
  say($("p99"), micros(percentile(window, 0.99)));
  say($("running"), number(sum(workers.map((each) => each.running))));
  say($("failing"), number(sum(workers.map((each) => each.failing))));
  sync($("workers"), workers, (each) => each.id, workerCard, showWorker);
  const listed = state.requests.filter((each) => !isSession(each)).slice(0, 200);
  const sessions = state.requests.filter(isSession).slice(0, 200);
  say($("count"), listed.length ? String(listed.length) : "");
  $("no-requests").hidden = listed.length > 0;
  $("running-table").hidden = listed.length === 0;
  sync($("running-table").tBodies[0], listed, (each) => each.id, requestRow, showRequest);
  say($("sessions-count"), String(sessions.length));
  $("sessions-section").hidden = sessions.length === 0;
  sync($("sessions-table").tBodies[0], sessions, (each) => each.id, requestRow, showRequest);
  for (const kind of ["errors", "slow", "cancelled"]) {
    sync($(kind), state[kind].slice(0, 20), (each) => `${each.at} ${each.worker} ${each.path}`, pastEntry);
    $(kind).previousElementSibling.hidden = state[kind].length > 0;
    reach($(kind));
  }
}

// The task tree of a request, its deadlines falling between two answers.
function scopeItem(scope) {
  const item = make("li", {}, make("span", { class: "kind" }, scope.kind === "nursery" ? "nursery" : "cancel scope"));
  if (scope.left !== null) item.append(make("span", { class: "deadline", "data-at": performance.now() / 1000 + scope.left }));
  const words = [scope.cancelled ? "cancelled" : "", scope.shield ? "shielded" : "", scope.left === null && scope.kind === "scope" ? "no deadline" : ""];
  item.append(` ${words.filter(Boolean).join(", ")}`);
  if (scope.tasks) item.append(make("ul", {}, ...scope.tasks.map(taskItem), ...(scope.more ? [make("li", {}, `${scope.more} more tasks`)] : [])));
  return item;
}

function taskItem(task) {
  const item = make("li", {}, make("span", { class: "kind" }, "task"), make("strong", {}, task.name));
  if (task.waits_at) item.append(make("code", { class: "code" }, task.waits_at.code), make("span", { class: "facts" }, `waits at ${place(task.waits_at)}`));
  if (task.inside.length) item.append(make("ul", {}, ...task.inside.map(scopeItem)));
  return item;
}

function fall() {
  for (const each of document.querySelectorAll(".deadline")) {
    const left = each.dataset.at - performance.now() / 1000;
    say(each, left > 0 ? `${left.toFixed(1)} s left` : "due");
  }
}

async function refresh() {
  const id = opened;
  if (id === null) return;
  const answer = await fetch(`/tasks?request=${encodeURIComponent(id)}`).catch(() => null);
  if (opened !== id || !answer) return; // The worker that was asked may just have ended; the next look asks another one.
  if (answer.ok) {
    const found = await answer.json();
    say($("request-facts"), [`${seconds(found.age)} old`, ...counts(found), found.client, `worker ${found.worker}`].filter(Boolean).join(" · "));
    $("tree").replaceChildren(found.tree ? make("ul", {}, taskItem(found.tree)) : "Its task cannot be found.");
    if (found.elsewhere.length) $("tree").append(make("p", { class: "facts" }, "What it has started elsewhere"), make("ul", {}, ...found.elsewhere.map(taskItem)));
    fall();
    reach($("tree"));
  } else {
    say($("request-facts"), answer.status === 504 ? "Its worker does not answer." : "It has ended.");
    $("request-acts").replaceChildren();
  }
}

function openRequest(request) {
  opened = request.id;
  say($("request-title"), `${request.method} ${request.path}`);
  $("tree").replaceChildren();
  $("request-acts").replaceChildren(...(unlocked ? [make("button", { type: "button", id: "cancel", class: "bad", onclick: () => act(`cancel?request=${encodeURIComponent(request.id)}`) }, isSession(request) ? "Cancel the session" : "Cancel the request")] : []));
  $("request").showModal();
  refresh();
}

async function act(what, question) {
  if (question && !confirm(question)) return;
  const answer = await fetch(`/${what}`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) alert(await answer.text());
  refresh();
}

// Buttons exist for those alone who know the token, and nothing asks for one where the ini has none.
async function unlock() {
  const answer = await fetch("/token", { headers: { authorization: `Bearer ${token}` } }).catch(() => null);
  unlocked = Boolean(answer && answer.status === 204);
  const locked = answer && answer.status === 401;
  const offered = unlocked ? [make("button", { type: "button", class: "bad", onclick: () => act("reload", "Replace every worker, gracefully?") }, "Reload")]
    : locked ? [make("button", { type: "button", id: "ask", onclick: () => $("unlock").showModal() }, "Act…")] : [];
  $("acts").replaceChildren(...offered);
  return unlocked;
}

$("request").addEventListener("close", () => { opened = null; });
$("unlock-go").addEventListener("click", async (event) => {
  event.preventDefault();
  token = $("token").value;
  if (await unlock()) {
    sessionStorage.setItem("token", token);
    $("unlock").close();
  }
  say($("unlock-answer"), unlocked ? "" : "This is not the token.");
});

// The worker that sends the events may end or be stuck: then another connection finds another worker.
const PATIENCE = 3000;
let events, heard;
function link(word) { say($("link"), word); $("link").className = word === "live" ? "live" : "lost"; }
function listen() {
  if (events) events.close();
  heard = performance.now();
  events = new EventSource("/events");
  events.onmessage = (event) => { heard = performance.now(); link("live"); show(JSON.parse(event.data)); };
  events.onerror = () => link("reconnecting");
}
setInterval(() => { if (performance.now() - heard > PATIENCE) listen(); }, 500);
listen();
setInterval(fall, 100);
setInterval(refresh, 1000);
unlock();
