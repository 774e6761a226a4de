/** Entry of the double of the tailscale provider plugin; the engine runs it through pulumi-resource-tailscale. */
import { packageVersion } from "../shared/version.ts";
import { serve } from "../shared/serve.ts";
import { tailscalePackage } from "./package.ts";

await serve(tailscalePackage(packageVersion("tailscale")), process.argv.slice(2));
