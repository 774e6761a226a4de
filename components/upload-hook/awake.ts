import { connect } from "node:net";

/** Whether something accepts a TCP connection at this address within the time (milliseconds). Never throws. */
export function isAwake(host: string, port: number, timeoutMs = 3000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (awake: boolean) => () => {
      socket.destroy();
      resolve(awake);
    };
    socket.once("connect", end(true)).once("timeout", end(false)).once("error", end(false));
  });
}
