/** Between protobuf messages and the plain values that doubles work on. */
import grpc from "@grpc/grpc-js";
import structProto, { type Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import type { Failure } from "./table.ts";
import type { Bag } from "./wire.ts";

/** Calls by name. */
export type Handlers = grpc.UntypedServiceImplementation;

/** A message's struct as a bag. */
export function bag(struct: Struct | undefined): Bag {
  return struct?.toJavaScript() ?? {};
}

/** A bag as a message's struct. */
export function struct(values: Bag): Struct {
  return structProto.Struct.fromJavaScript(values);
}

/** Failures as messages. */
export function failureMessages(failures: Failure[]): proto.CheckFailure[] {
  return failures.map(({ property, reason }) => {
    const failure = new proto.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    return failure;
  });
}

/** Turns a promise into gRPC's callback; an error's message is all that the user is to read. */
export function unary<Request, Response>(answer: (request: Request) => Promise<Response> | Response) {
  return (call: grpc.ServerUnaryCall<Request, Response>, callback: grpc.sendUnaryData<Response>): void => {
    Promise.resolve()
      .then(() => answer(call.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) =>
          callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) }),
      );
  };
}
