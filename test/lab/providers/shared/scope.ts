/** What an operation of a double is given: its name, a signal that the engine's cancel aborts, and the engine's log. */
import { createRequire } from "node:module";
import grpc from "@grpc/grpc-js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import type { Operation } from "./double.ts";

const require = createRequire(import.meta.url);
// This generated file has no type declarations.
const { EngineClient } = require("@pulumi/pulumi/proto/engine_grpc_pb") as {
  EngineClient: new (address: string, credentials: grpc.ChannelCredentials) => EngineLog;
};

interface EngineLog {
  log(request: engine.LogRequest, done: (error: Error | null) => void): void;
}

const SEVERITY = {
  info: engine.LogSeverity.INFO,
  warning: engine.LogSeverity.WARNING,
  error: engine.LogSeverity.ERROR,
};

/** One plugin process's operations. */
export class OperationScope {
  readonly #abort = new AbortController();
  readonly #engine: EngineLog | undefined;

  /** @param address the engine's, or undefined when the plugin was started by hand; then nothing is logged. */
  constructor(address: string | undefined) {
    this.#engine = address === undefined ? undefined : new EngineClient(address, grpc.credentials.createInsecure());
  }

  /** Aborts every running operation. */
  cancel(): void {
    this.#abort.abort(new Error("cancelled"));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What the operation on the resource `urn` gets. */
  operation(urn: string): Operation {
    return {
      urn,
      name: urn.split("::").at(-1) ?? urn,
      signal: this.signal,
      log: (severity, message) => this.#log(urn, severity, message),
    };
  }

  #log(urn: string, severity: keyof typeof SEVERITY, message: string): void {
    const request = new engine.LogRequest();
    request.setSeverity(SEVERITY[severity]);
    request.setMessage(message);
    request.setUrn(urn);
    // A status line, as the real plugins log (LogOutput's InfoStatus in pulumi-command provider/pkg/provider/util).
    request.setEphemeral(severity === "info");
    // A log line that the engine no longer takes must not fail the operation.
    this.#engine?.log(request, () => undefined);
  }
}
