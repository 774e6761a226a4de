/** The plugin protocol's calls about the provider itself: configuration, functions, plugin information. */
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import type { PackageDouble } from "./double.ts";
import { bag, failureMessages, struct, unary, type Handlers } from "./messages.ts";
import type { OperationScope } from "./scope.ts";
import { checkProperties, parseProperty, type Failure } from "./table.ts";
import { revealBag, secret, type Bag } from "./wire.ts";

/** The calls about the provider itself: configuration, functions, plugin information. */
export function providerCalls(double: PackageDouble, scope: OperationScope): Handlers {
  return {
    getPluginInfo: unary(() => {
      const info = new plugin.PluginInfo();
      info.setVersion(double.version);
      return info;
    }),
    getSchema: unary(() => {
      const response = new proto.GetSchemaResponse();
      response.setSchema("{}");
      return response;
    }),
    checkConfig: unary((request: proto.CheckRequest) => {
      const given = bag(request.getNews());
      const marked = Object.entries(given).map(([name, value]) => {
        const property = double.config[name];
        return [name, property !== undefined && parseProperty(property).secret ? secret(value) : value] as const;
      });
      const response = new proto.CheckResponse();
      response.setInputs(struct(Object.fromEntries(marked)));
      response.setFailuresList(failureMessages(unknownConfig(double, given)));
      return response;
    }),
    configure: unary(async (request: proto.ConfigureRequest) => {
      await double.configure(revealBag(bag(request.getArgs())));
      const response = new proto.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setSupportspreview(true);
      return response;
    }),
    invoke: unary(async (request: proto.InvokeRequest) => {
      const found = double.functions[request.getTok()];
      if (found === undefined)
        throw new Error(`the lab's double of ${double.name} has no function ${request.getTok()}`);
      const inputs = revealBag(bag(request.getArgs()));
      const failures = checkProperties(inputs, found.inputs, double.types);
      const response = new proto.InvokeResponse();
      if (failures.length > 0) response.setFailuresList(failureMessages(failures));
      else response.setReturn(struct(await found.invoke(inputs, scope.signal)));
      return response;
    }),
    cancel: unary(() => {
      scope.cancel();
      return new emptyProto.Empty();
    }),
  };
}

// Values of provider arguments that are not texts arrive as JSON texts, so only the names are checked.
function unknownConfig(double: PackageDouble, given: Bag): Failure[] {
  return Object.keys(given)
    .filter((name) => name !== "version" && double.config[name] === undefined)
    .map((property) => ({ property, reason: `Unknown provider argument '${property}'` }));
}
