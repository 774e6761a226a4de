/**
 * Runs a double behind Pulumi's plugin protocol (pulumi/pulumi proto/pulumi/provider.proto).
 *
 * Pulumi's own `@pulumi/pulumi/provider` server is not enough for a double: it drops the provider's arguments
 * (Configure), does not tell previews from updates, and can't answer with the changed properties.
 */
import { createRequire } from "node:module";
import grpc from "@grpc/grpc-js";
import { providerCalls } from "./provider-calls.ts";
import { resourceCalls } from "./resource-calls.ts";
import { OperationScope } from "./scope.ts";
import type { PackageDouble } from "./double.ts";

const require = createRequire(import.meta.url);
// This generated file has no type declarations.
const { ResourceProviderService } = require("@pulumi/pulumi/proto/provider_grpc_pb") as {
  ResourceProviderService: grpc.ServiceDefinition;
};

/** Largest message the engine sends (pulumi/pulumi sdk/go/common/util/rpcutil): 400 MiB. */
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

/** The engine's address: the first argument that is no logging option. */
function engineAddress(args: string[]): string | undefined {
  return args.find((arg, index) => !arg.startsWith("-") && args[index - 1] !== "--tracing");
}

/**
 * Serves `double` on a free loopback port and prints the port, which is how the engine finds it. Ends when the engine
 * cancels and closes, or when the engine is gone (its end of our standard input closes).
 */
export async function serve(double: PackageDouble, args: string[]): Promise<void> {
  const server = new grpc.Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
  const scope = new OperationScope(engineAddress(args));
  server.addService(ResourceProviderService, {
    ...providerCalls(double, scope),
    ...resourceCalls(double, scope),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  process.stdout.write(`${port}\n`);
  process.stdin.resume();
  process.stdin.once("end", () => {
    scope.cancel();
    setTimeout(endWithChildren, CLEAN_UP_MS);
  });
}

/** Time for cancelled operations to remove their files. */
const CLEAN_UP_MS = 300;

// The engine starts a plugin as the leader of a process group; what its commands started is in it.
function endWithChildren(): void {
  try {
    process.kill(-process.pid, "SIGKILL");
  } catch {
    process.exit(0);
  }
}
