/** The plugin protocol's calls about one resource, each turned into what its double does. */
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import type { PackageDouble, ResourceDouble } from "./double.ts";
import { difference, previewCreate, previewUpdate, stateOf } from "./lifecycle.ts";
import { bag, failureMessages, struct, unary, type Handlers } from "./messages.ts";
import type { OperationScope } from "./scope.ts";
import { checkProperties } from "./table.ts";
import { revealBag, type Bag } from "./wire.ts";

/** The calls about one resource. */
export function resourceCalls(double: PackageDouble, scope: OperationScope): Handlers {
  const find = (request: { getUrn(): string }): ResourceDouble => {
    const type = request.getUrn().split("::").at(-2)?.split("$").at(-1) ?? "";
    const found = double.resources[type];
    if (found === undefined) throw new Error(`the lab's double of ${double.name} has no resource type ${type}`);
    return found;
  };
  return {
    check: unary((request: proto.CheckRequest) => {
      const resource = find(request);
      const inputs = bag(request.getNews());
      const failures = checkProperties(inputs, resource.inputs, double.types);
      if (failures.length === 0) failures.push(...(resource.validate?.(revealBag(inputs)) ?? []));
      const response = new proto.CheckResponse();
      response.setInputs(struct(inputs));
      response.setFailuresList(failureMessages(failures));
      return response;
    }),
    diff: unary((request: proto.DiffRequest) => {
      const news = bag(request.getNews());
      const found = difference(find(request), bag(request.getOlds()), bag(request.getOldInputs()), news);
      const { DIFF_SOME, DIFF_NONE } = proto.DiffResponse.DiffChanges;
      const response = new proto.DiffResponse();
      response.setChanges(found.changes.length > 0 ? DIFF_SOME : DIFF_NONE);
      response.setDiffsList(found.changes);
      response.setReplacesList(found.replaces);
      return response;
    }),
    create: unary(async (request: proto.CreateRequest) => {
      const resource = find(request);
      const inputs = bag(request.getProperties());
      const response = new proto.CreateResponse();
      if (request.getPreview()) {
        response.setProperties(struct(previewCreate(resource, inputs)));
        return response;
      }
      const made = await resource.create(revealBag(inputs), scope.operation(request.getUrn()));
      response.setId(made.id);
      response.setProperties(struct(stateOf(resource, inputs, made.state)));
      return response;
    }),
    update: unary(async (request: proto.UpdateRequest) => {
      const resource = find(request);
      const olds = bag(request.getOlds());
      const inputs = bag(request.getNews());
      const response = new proto.UpdateResponse();
      if (request.getPreview()) {
        response.setProperties(struct(previewUpdate(resource, olds, inputs)));
        return response;
      }
      const old = revealBag(olds);
      const outputs = Object.fromEntries(Object.entries(old).filter(([name]) => resource.outputs[name] !== undefined));
      const operation = scope.operation(request.getUrn());
      const changed = await resource.update(request.getId(), old, revealBag(inputs), operation);
      response.setProperties(struct(stateOf(resource, inputs, { ...outputs, ...changed })));
      return response;
    }),
    read: unary(async (request: proto.ReadRequest) => {
      const resource = find(request);
      const olds = bag(request.getProperties());
      const operation = scope.operation(request.getUrn());
      if (resource.read === undefined) return readResponse(resource, request, olds, {});
      const now = await resource.read(request.getId(), revealBag(olds), operation);
      // An empty answer tells the engine that the resource is gone.
      return now === undefined ? new proto.ReadResponse() : readResponse(resource, request, olds, now);
    }),
    delete: unary(async (request: proto.DeleteRequest) => {
      const state = revealBag(bag(request.getProperties()));
      await find(request).delete?.(request.getId(), state, scope.operation(request.getUrn()));
      return new emptyProto.Empty();
    }),
  };
}

function readResponse(resource: ResourceDouble, request: proto.ReadRequest, olds: Bag, now: Bag): proto.ReadResponse {
  const response = new proto.ReadResponse();
  const state = stateOf(resource, olds, now);
  const given = Object.keys(bag(request.getInputs()));
  const names = given.length > 0 ? given : Object.keys(resource.inputs);
  const inputs = names.flatMap((name) => (state[name] === undefined ? [] : [[name, state[name]] as const]));
  response.setId(request.getId());
  response.setProperties(struct(state));
  response.setInputs(struct(Object.fromEntries(inputs)));
  return response;
}
