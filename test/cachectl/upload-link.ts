/** A link between a builder and a server that can be cut and mended: a TCP proxy on loopback. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export class Link {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#join(socket));
  readonly #target: number;
  #up = true;
  #left = Infinity;

  constructor(target: number) {
    this.#target = target;
  }

  /** Gives the port. */
  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Everything that is open ends; what comes is turned away, until `mend`. */
  cut(): void {
    this.#up = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts itself once so many bytes have gone to the server. */
  cutAfter(bytes: number): void {
    this.#left = bytes;
  }

  mend(): void {
    this.#up = true;
    this.#left = Infinity;
  }

  get isUp(): boolean {
    return this.#up;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    if (!this.#up) {
      near.destroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
    near.on("data", (chunk: Buffer) => {
      this.#left -= chunk.length;
      if (this.#left < 0) this.cut();
    });
  }
}
