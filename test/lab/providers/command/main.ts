/** Entry of the double of the command provider plugin; the engine runs it through pulumi-resource-command. */
import { packageVersion } from "../shared/version.ts";
import { serve } from "../shared/serve.ts";
import { commandPackage } from "./package.ts";

await serve(commandPackage(packageVersion("command")), process.argv.slice(2));
