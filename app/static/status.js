// The figures of the workers, asked for every second.

const SECOND = 1000;

const status = document.getElementById("status");
const workers = document.getElementById("workers");
const counters = document.getElementById("counters");

function rows(table, lines) {
  const body = table.tBodies[0];
  body.replaceChildren(...lines.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell) => {
      const place = document.createElement("td");
      place.textContent = typeof cell === "number" ? cell.toLocaleString("en") : cell;
      return place;
    }));
    return row;
  }));
}

async function ask() {
  try {
    const answer = await (await fetch(workers.dataset.figures)).json();
    rows(workers, answer.workers.map((each) =>
      [each.id, String(each.pid), each.seconds, each.in_flight, each.connections, each["loop_lag.us"]]));
    rows(counters, Object.entries(answer.counters));
    status.textContent = `${answer.workers.length} workers, asked at ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    status.textContent = `${error}, asking again`;
  }
  setTimeout(ask, SECOND);
}

ask();
