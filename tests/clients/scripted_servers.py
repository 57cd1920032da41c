"""Servers whose every delay is known, to hold load generators against.

`python scripted_servers.py stalling ...` and `python scripted_servers.py chat ...` serve until they
are ended; the first line they print is their port.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys


async def serve(handle, port=0):
    """Serves HTTP/1.1: `await handle(method, path, body, writer)` writes an answer."""

    async def connection(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, _ = head.split(" ", 2)
                await handle(method, path, await body(head, reader), writer)
                await writer.drain()
                if "connection: close" in head.lower():
                    break
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def body(head, reader):
    for line in head.lower().split("\r\n"):
        if line.startswith("content-length:"):
            return await reader.readexactly(int(line.split(":")[1]))
        if line.startswith("transfer-encoding:") and "chunked" in line:
            return await chunked_body(reader)
    return b""


async def chunked_body(reader):
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


def answer(writer, value, status="200 OK"):
    text = json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
    writer.write(head.encode() + text)


class Stalling:
    """A V2 server with one model. It answers in `milliseconds`, but every `period` seconds it stands
    still for `stall` seconds, and whoever comes then waits until that is over."""

    def __init__(self, milliseconds, period, stall):
        self.seconds = milliseconds / 1000
        self.period = period
        self.stall = stall
        self.started = None
        self.count = 0

    async def handle(self, method, path, _, writer):
        if path.endswith("/infer"):
            await asyncio.sleep(self.wait())
            self.count += 1
            output = {"name": "OUTPUT0", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}
            answer(writer, {"model_name": "stalling", "model_version": "1", "outputs": [output]})
        elif path.endswith("/config"):
            answer(writer, self.config())
        elif path.endswith("/stats"):
            answer(writer, {"model_stats": [self.statistics()]})
        elif path.rstrip("/").endswith(("/ready", "/live")):
            answer(writer, {})
        elif path.rstrip("/") == "/v2":
            extensions = ["statistics", "model_configuration"]
            answer(writer, {"name": "scripted", "version": "1", "extensions": extensions})
        elif "/models/stalling" in path:
            answer(writer, self.metadata())
        else:
            answer(writer, {"error": f"no {path}"}, "404 Not Found")

    def wait(self):
        """Until an answer that is asked for now."""
        now = asyncio.get_running_loop().time()
        self.started = self.started or now
        # The stall is at the end of each period, so that no measurement begins with one.
        left = self.period - (now - self.started) % self.period
        return self.seconds + (left if left < self.stall else 0)

    def metadata(self):
        tensor = {"datatype": "FP32", "shape": [-1, 1]}
        return {
            "name": "stalling",
            "versions": ["1"],
            "platform": "scripted",
            "inputs": [{"name": "INPUT0", **tensor}],
            "outputs": [{"name": "OUTPUT0", **tensor}],
        }

    def config(self):
        tensor = {"data_type": "TYPE_FP32", "dims": [1]}
        return {
            "name": "stalling",
            "platform": "scripted",
            "max_batch_size": 1,
            "input": [{"name": "INPUT0", **tensor}],
            "output": [{"name": "OUTPUT0", **tensor}],
        }

    def statistics(self):
        time = {"count": self.count, "ns": 0}
        names = ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output"]
        names += ["cache_hit", "cache_miss"]
        return {
            "name": "stalling",
            "version": "1",
            "last_inference": 0,
            "inference_count": self.count,
            "execution_count": self.count,
            "inference_stats": {name: time for name in names},
            "batch_stats": [],
        }


class Chat:
    """An OpenAI server that streams `tokens` tokens, `per_chunk` in an event: the first event after
    `first` milliseconds, the others `between` after the one before, and the one in the middle `pause`
    later than that."""

    def __init__(self, tokens, per_chunk, first, between, pause):
        self.tokens = tokens
        self.per_chunk = per_chunk
        self.first = first / 1000
        self.between = between / 1000
        self.pause = pause / 1000

    async def handle(self, method, path, body, writer):
        if path.endswith("/chat/completions"):
            await self.complete(json.loads(body), writer)
        elif path.endswith("/models"):
            answer(writer, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})
        else:
            answer(writer, {"error": {"message": f"no {path}"}}, "404 Not Found")

    async def complete(self, request, writer):
        if not request.get("stream"):
            message = {"role": "assistant", "content": " the" * self.tokens}
            one = {"index": 0, "message": message, "finish_reason": "length"}
            answer(writer, {"id": "c", "choices": [one], "usage": self.usage(request)})
            return
        # Times are kept from the start, so that lateness of one event does not move all others.
        loop = asyncio.get_running_loop()
        due = loop.time() + self.first
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        count = -(-self.tokens // self.per_chunk)
        for number in range(count):
            await asyncio.sleep(due - loop.time())
            tokens = min(self.per_chunk, self.tokens - number * self.per_chunk)
            self.event(writer, {"choices": [choice(" the" * tokens, None)]})
            due += self.between + (self.pause if number == count // 2 - 1 else 0)
        self.event(writer, {"choices": [choice("", "length")]})
        self.event(writer, {"choices": [], "usage": self.usage(request)})
        self.raw(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")

    def usage(self, request):
        prompt = sum(len(str(message["content"]).split()) for message in request["messages"])
        total = prompt + self.tokens
        return {"prompt_tokens": prompt, "completion_tokens": self.tokens, "total_tokens": total}

    def event(self, writer, fields):
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
        self.raw(writer, json.dumps(head | fields))

    def raw(self, writer, text):
        data = f"data: {text}\n\n".encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def choice(content, finish):
    return {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}


@contextlib.contextmanager
def running(kind, **options):
    """Such a server in a process of its own; yields its port."""
    command = [sys.executable, __file__, kind]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    stalling = kinds.add_parser("stalling")
    stalling.add_argument("--milliseconds", type=float, default=2)
    stalling.add_argument("--period", type=float, default=5)
    stalling.add_argument("--stall", type=float, default=0.5)
    chat = kinds.add_parser("chat")
    chat.add_argument("--tokens", type=int, default=64)
    chat.add_argument("--per_chunk", type=int, default=1)
    chat.add_argument("--first", type=float, default=100)
    chat.add_argument("--between", type=float, default=10)
    chat.add_argument("--pause", type=float, default=0)
    for kind in (stalling, chat):
        kind.add_argument("--port", type=int, default=0)
    options = vars(parser.parse_args())
    server = {"stalling": Stalling, "chat": Chat}[options.pop("kind")]
    port = options.pop("port")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(server(**options).handle, port))


if __name__ == "__main__":
    main()
