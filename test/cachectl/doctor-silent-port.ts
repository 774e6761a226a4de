/** Run as a worker: a port whose queue of connections is never emptied, so that the kernel answers no further one. */
import { createServer } from "node:net";
import { parentPort, threadId } from "node:worker_threads";

const server = createServer();
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  const address = server.address();
  parentPort?.postMessage(typeof address === "object" ? address?.port : undefined);
  // Sleeps before the first connection can be taken in; terminate() ends it.
  setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 5);
  if (threadId === 0) throw new Error("this is a worker's program");
});
