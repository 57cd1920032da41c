// A stand-in for what no shipped engine can show yet: events as a server would send them, before the
// files and the other answers of a real one.

import http from "node:http";

const write = (answer, name, data) => answer.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);

// Serves what `server` serves, but for the events: `script(second)` gives the catalogue's rows, the
// overview's rows and the detail of each second.
export async function stage(server, script) {
  const stream = async (request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    const hello = await firstEvent(server, "hello");
    write(answer, "hello", hello);
    let second = 0;
    const timer = setInterval(() => {
      const { models, rows, detail } = script(second);
      if (second === 0) write(answer, "catalogue", { models });
      const total = { rates: [0, 0, 0, 0], now: [0, 0, 0], latency: null };
      const machine = { cpu: 0.5, machine: 0.5, resident: 1e9, used: 2e9, memory: 8e9 };
      write(answer, "overview", { time: Date.now(), unready: "", in_flight: 0, machine, total, models: rows });
      if (detail) write(answer, "detail", detail);
      second += 1;
    }, 100);
    request.on("close", () => clearInterval(timer));
  };
  const front = http.createServer(async (request, answer) => {
    if (request.url.startsWith("/dashboard/events")) return stream(request, answer);
    const origin = await fetch(new URL(request.url, server.url), { method: request.method });
    const body = Buffer.from(await origin.arrayBuffer());
    const headers = Object.fromEntries(["content-type", "content-security-policy"].map((name) => [name, origin.headers.get(name) ?? ""]));
    answer.writeHead(origin.status, headers).end(body);
  });
  await new Promise((resolve) => front.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${front.address().port}/`, close: () => front.closeAllConnections() || front.close() };
}

// The data of the first event of that name that the real server sends.
async function firstEvent(server, name) {
  const control = new AbortController();
  const answer = await fetch(`${server.url}dashboard/events`, { signal: control.signal });
  let text = "";
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const found = text.match(new RegExp(`event: ${name}\ndata: (.*)\n\n`));
    if (!found) continue;
    control.abort();
    return JSON.parse(found[1]);
  }
  throw new Error(`the server sent no ${name}`);
}
