/**
 * A double of the provider plugin of @pulumi/tailscale, for places that cannot download the real one. It makes the same
 * HTTP calls; only what this project declares is there.
 */
import type { PackageDouble } from "../shared/double.ts";
import { acl, getAcl } from "./acl.ts";
import { TailscaleClient } from "./client.ts";
import { deviceTags, getDevice, getDevices } from "./devices.ts";
import { federatedIdentity, oauthClient } from "./keys.ts";

/** The package; `version` is that of the installed npm package. */
export function tailscalePackage(version: string): PackageDouble {
  let configured: TailscaleClient | undefined;
  const client = (): TailscaleClient => {
    if (configured === undefined) throw new Error("the Tailscale provider was used before it was configured");
    return configured;
  };
  return {
    name: "tailscale",
    version,
    config: {
      apiKey: "string, secret",
      audience: "string",
      baseUrl: "string",
      identityToken: "string, secret",
      identityTokenEnvironmentVariableName: "string",
      oauthClientId: "string",
      oauthClientSecret: "string, secret",
      scopes: "strings",
      tailnet: "string",
      userAgent: "string",
    },
    types: {},
    resources: {
      "tailscale:index/acl:Acl": acl(client),
      "tailscale:index/deviceTags:DeviceTags": deviceTags(client),
      "tailscale:index/federatedIdentity:FederatedIdentity": federatedIdentity(client),
      "tailscale:index/oauthClient:OauthClient": oauthClient(client),
    },
    functions: {
      "tailscale:index/getAcl:getAcl": getAcl(client),
      "tailscale:index/getDevice:getDevice": getDevice(client),
      "tailscale:index/getDevices:getDevices": getDevices(client),
    },
    configure: (config) => {
      configured = new TailscaleClient(config);
      return Promise.resolve();
    },
  };
}
