// A `hone serve` of its own for the tests, and requests that keep it busy.

import { spawn } from "node:child_process";
import http from "node:http";

const PATIENCE = 60_000;

export class Server {
  // Starts `hone serve ARGUMENTS` on free ports and returns when it is ready.
  static async start(hone, args, environment = {}, httpPort = 0) {
    const server = new Server();
    server.log = "";
    server.child = spawn(
      hone,
      ["serve", ...args, "--http-port", String(httpPort), "--grpc-port", "off", "--metrics-port", "off", "--grace-secs", "1.5"],
      { env: { ...process.env, NO_COLOR: "1", ...environment }, stdio: ["ignore", "ignore", "pipe"] },
    );
    server.ended = new Promise((resolve) => server.child.once("exit", resolve));
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the server is not ready:\n${server.log}`)), PATIENCE);
      server.child.stderr.on("data", (data) => {
        server.log += data;
        const ready = server.log.replaceAll(/\x1b\[\d*m/g, "").match(/ready models=\d+ http="?127\.0\.0\.1:(\d+)/);
        if (!ready || server.port) return;
        server.port = Number(ready[1]);
        clearTimeout(late);
        resolve();
      });
      server.ended.then((code) => reject(new Error(`the server ended with ${code}:\n${server.log}`)));
    });
    server.url = `http://127.0.0.1:${server.port}/`;
    return server;
  }

  async stop() {
    this.child.kill("SIGTERM");
    const started = performance.now();
    await this.ended;
    return performance.now() - started;
  }

  infer(model, inputs, agent) {
    const body = JSON.stringify({ inputs });
    return new Promise((resolve, reject) => {
      const request = http.request(
        `${this.url}v2/models/${model}/infer`,
        { method: "POST", agent, headers: { "Content-Length": Buffer.byteLength(body) } },
        (answer) => {
          answer.resume();
          answer.on("end", () => resolve(answer.statusCode));
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  // Sends requests from several connections until the returned function is called.
  load(model, inputs, connections) {
    let goes = true;
    const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    const work = Array.from({ length: connections }, async () => {
      while (goes) await this.infer(model, inputs, agent).catch(() => { goes = false; });
    });
    return async () => {
      goes = false;
      await Promise.all(work);
      agent.destroy();
    };
  }
}
